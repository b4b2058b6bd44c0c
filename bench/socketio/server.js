// socket.io as a peer of the bench: the same command line, first line of output
// and control as the Go servers have (../internal/server).

import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Server } from 'socket.io'
import { Pacer } from './pacer.js'

const version = createRequire(import.meta.url)('socket.io/package.json').version

const clients = createServer()
const io = new Server(clients, { transports: ['websocket'], perMessageDeflate: false, serveClient: false })
io.on('connection', (socket) => {
  const { user, tag } = socket.handshake.query
  socket.join(['user:' + user, 'tag:' + tag])
})

const pacer = new Pacer({
  broadcast: (message) => io.emit('m', message),
  user: (n, message) => io.to('user:' + n).emit('m', message),
  tag: (n, message) => io.to('tag:' + n).emit('m', message),
})

/** What GET /stats answers: see wire.Stats. */
function stats() {
  const memory = process.memoryUsage()
  const pages = Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1])
  return {
    cpu: cpuTime(), rss: pages * 4096, heap: memory.heapUsed + memory.external, stack: 0, mallocs: 0, goroutines: 0,
    version: `${version} (Node ${process.versions.node})`,
  }
}

function cpuTime() {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}

/** Does the job in the request's body and tells what it took: see wire.Published. */
async function publish(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const job = JSON.parse(Buffer.concat(chunks).toString())
  const cpu = cpuTime()
  const start = process.hrtime.bigint()
  const done = await pacer.run(job)
  return { ...done, elapsed: Number(process.hrtime.bigint() - start), cpu: cpuTime() - cpu, mallocs: 0, errors: 0 }
}

async function control(request, response) {
  let answer = {}
  switch (`${request.method} ${request.url}`) {
    case 'POST /publish': answer = await publish(request); break
    case 'GET /stats': answer = stats(); break
    case 'POST /gc': globalThis.gc(); break
    default: response.statusCode = 404
  }
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify(answer))
}

const driver = createServer((request, response) => {
  control(request, response).catch((error) => {
    response.statusCode = 500
    response.end(String(error))
  })
})
// The client's reports.
driver.on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: reports\r\n\r\n')
  pacer.listen(socket)
})

const [host, port] = (process.argv[2] ?? '127.0.0.1:0').split(':')
const address = ({ address, port }) => `${address}:${port}`
clients.listen({ host, port: Number(port), backlog: 4096 }, () => {
  driver.listen(0, '127.0.0.1', () => {
    console.log(JSON.stringify({ addr: address(clients.address()), control: address(driver.address()), dialect: 'socket.io' }))
  })
})
