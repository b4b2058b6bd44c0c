// Bundles src into dist. With --check it writes nothing and fails if dist is not
// what the sources make.

import { createHash } from "node:crypto"
import { readFile, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL(".", import.meta.url))
const check = process.argv.includes("--check")

// What the sources call one another by, and nobody else does: bundles have short names
// for it, which makes them 150 bytes smaller. No object of the platform that the client
// touches has such a name: dist.test.js looks.
const internal = `
  advance alternate answered ask askFirst broken carrier choose current ended failed frame greet heard end handshake hello hide hold isKnown isOpen due isSet leave look
  least listeners lose openTransport over overdue pause receive refused removeAll renew renewed run tags tell tellPage unset wake worked
`

/** @param {"pull.js" | "pull.mjs" | "pull-html.mjs" | "pull-push.mjs" | "pull-typing.mjs" | "pull-worker.js" | "pull-shared.js"} name
 *  @param {string} entry
 *  @param {"iife" | "esm"} format */
async function bundle(name, entry, format) {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [`src/${entry}`],
    format,
    target: "es2022",
    bundle: true,
    minify: true,
    mangleProps: new RegExp(`^(${internal.trim().split(/\s+/).join("|")})$`),
    legalComments: "none",
    charset: "utf8",
    write: false,
  })
  const file = new URL(`dist/${name}`, import.meta.url)
  const { text: bundled } = outputFiles[0]
  const text = bundled.replace("@version", createHash("sha256").update(bundled).digest("hex").slice(0, 16))
  if (!check) return writeFile(file, text)

  const committed = await readFile(file, "utf8").catch(() => "")
  if (committed === text) return
  console.error(`client/dist/${name} is stale: run "npm run build" in client/`)
  process.exitCode = 1
}

await bundle("pull.js", "classic.js", "iife")
await bundle("pull.mjs", "module.js", "esm")
await bundle("pull-html.mjs", "html/module.js", "esm")
await bundle("pull-push.mjs", "push/module.js", "esm")
await bundle("pull-typing.mjs", "typing.js", "esm")
await bundle("pull-worker.js", "worker/worker.js", "iife")
await bundle("pull-shared.js", "tabs/module.js", "esm")
