// The twin of ../internal/server/pacer.go, and of the arithmetic in
// ../internal/wire/control.go.

const base = 1_000_000_000_000
const eventsPerRequest = 10
const abreast = 1000
const patience = 10_000 // ms
const tardy = 3000 // ms
const emptyMessage = 52 // bytes, see wire.Overhead

/** Milliseconds since 1970, with fractions. */
const now = () => performance.timeOrigin + performance.now()

/** Publishes the messages of one job after the other. */
export class Pacer {
  #emit
  #reported = 0 // numbers below it have arrived everywhere
  #partial = Buffer.alloc(0)
  #wake = () => {}

  constructor(emit) {
    this.#emit = emit
  }

  /** Takes the client's reports from a stream: numbers of eight bytes. */
  listen(stream) {
    stream.on('error', () => {})
    stream.on('data', (chunk) => {
      this.#partial = Buffer.concat([this.#partial, chunk])
      const whole = this.#partial.length - (this.#partial.length % 8)
      if (whole > 0) {
        this.#reported = Number(this.#partial.readBigUInt64LE(whole - 8))
        this.#partial = this.#partial.subarray(whole)
        this.#wake()
      }
    })
  }

  run(job) {
    const plan = new Plan(job)
    return plan.window > 0 ? this.#windowed(plan) : this.#scheduled(plan)
  }

  async #windowed(plan) {
    const deadline = now() + plan.milliseconds
    let messages = 0
    while (messages < plan.count || messages % plan.stride !== 0) {
      if (messages % plan.stride === 0 && now() > deadline) break
      while (messages + plan.unit - this.#arrived(plan) > plan.inFlight) {
        if (!(await this.#report())) return { messages, stalled: true }
      }
      messages = this.#unit(plan, messages, now())
    }
    while (this.#arrived(plan) < messages) {
      if (!(await this.#report())) return { messages, stalled: true }
    }
    return { messages, stalled: false }
  }

  // Timers of Node count whole milliseconds; latency counts from the schedule.
  async #scheduled(plan) {
    const start = now()
    let messages = 0
    for (;;) {
      const due = (messages / plan.rate) * 1000
      if (due > plan.milliseconds) return { messages, stalled: false }
      const late = now() - start - due
      if (late > tardy) return { messages, stalled: true }
      await (late < 0 ? new Promise((done) => setTimeout(done, -late)) : new Promise(setImmediate))
      messages = this.#unit(plan, messages, start + due)
    }
  }

  #unit(plan, messages, at) {
    const group = plan.group(messages)
    for (let i = 0; i < plan.unit; i++) {
      plan.send(this.#emit, group, plan.message(messages++, at))
    }
    return messages
  }

  #arrived(plan) {
    return Math.max(0, this.#reported - plan.first)
  }

  /** Waits for the next report; false when none comes. */
  #report() {
    return new Promise((resolve) => {
      const timeout = setTimeout(() => resolve(false), patience)
      this.#wake = () => {
        clearTimeout(timeout)
        resolve(true)
      }
    })
  }
}

/** A job with what follows from it. */
class Plan {
  constructor({ kind, first, count, size, users, tags, window = 0, rate = 0, for: nanoseconds }) {
    Object.assign(this, { kind, first, count, window, rate })
    this.milliseconds = nanoseconds / 1e6
    this.pad = 'x'.repeat(size - emptyMessage)
    this.groups = { user: users, request: users, one: users, tag: tags || 100 }[kind] ?? 1
    this.unit = kind === 'request' ? eventsPerRequest : 1
    const each = Math.max(window, this.unit)
    this.inFlight = each * Math.min(this.groups, Math.max(1, Math.floor(abreast / each)))
    this.stride = this.groups === 1 ? 1 : Math.max(1, Math.floor(this.inFlight / 2))
  }

  group(message) {
    return Math.floor(message / this.unit) % this.groups
  }

  /** See wire.Message. Nanoseconds since 1970 keep 19 digits, right to 256 ns. */
  message(n, at) {
    return { n: base + this.first + n, t: at * 1e6, p: this.pad }
  }

  send(emit, group, message) {
    if (this.kind === 'tag') emit.tag(group, message)
    else if (this.kind === 'broadcast') emit.broadcast(message)
    else emit.user('u' + group, message)
  }
}
