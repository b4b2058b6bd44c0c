// Builds into npm/ what only the npm package has: CommonJS, its types, and the fake client. Modules
// are in the package as they are in src. "npm pack" runs it; nothing of it is committed.

import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL(".", import.meta.url))
const out = new URL("npm/", import.meta.url)

/** The entries of the package, and their sources. The types of each are in NAME.d.ts. */
const entries = {
  pull: "src/module.js",
  html: "src/html/module.js",
  react: "src/react.js",
  vue: "src/vue.js",
  typing: "src/typing.js",
  testing: "src/testing/fakepull.js",
}

/** The fake client without time: it has timers that never fire, no pause before a change of status,
 *  and no notifications, which are loaded from a server.
 *  @type {import("esbuild").Plugin} */
const timeless = {
  name: "timeless",
  setup({ onResolve }) {
    onResolve({ filter: /\/(timer|status|push)\.js$/ }, ({ path }) => ({ path: `${root}src/testing/${path.split("/").at(-1)}` }))
  },
}

/** @param {string} name
 *  @param {string} source
 *  @param {"cjs" | "esm"} format
 *  @param {URL} folder */
async function bundle(name, source, format, folder) {
  await build({
    absWorkingDir: root,
    entryPoints: [source],
    outfile: fileURLToPath(new URL(`${name}.${format === "cjs" ? "cjs" : "mjs"}`, folder)),
    format,
    target: "es2022",
    bundle: true,
    packages: "external",
    charset: "utf8",
    plugins: name === "testing" ? [timeless] : [],
  })
}

/** The types of a module, as those of a CommonJS module.
 *  @param {string} name */
async function types(name) {
  const text = await readFile(new URL(`${name}.d.ts`, import.meta.url), "utf8")
  await writeFile(new URL(`${name}.d.cts`, out), text.replace(/(["']\.\/\w+)\.js(["'])/g, "$1.cjs$2"))
}

/** The fake client as a module, which is no module of src because of its timers.
 *  @param {URL} folder */
export const bundleTesting = (folder) => bundle("testing", entries.testing, "esm", folder)

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await rm(out, { recursive: true, force: true })
  await mkdir(out)
  for (const [name, source] of Object.entries(entries)) {
    await bundle(name, source, "cjs", out)
    await types(name)
  }
  await bundleTesting(out)
  await copyFile(new URL("../LICENSE", import.meta.url), new URL("LICENSE", import.meta.url))
}
