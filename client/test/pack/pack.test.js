import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

// What npm pack makes is installed into projects as applications have them. npm gets what
// they depend on, in the versions of their package-lock.json.

const client = fileURLToPath(new URL("../..", import.meta.url))
const folder = await mkdtemp(join(tmpdir(), "pull-pack-"))
let tarball = ""

// Without what node --test tells those that it starts, because one of them runs tests itself.
const { NODE_TEST_CONTEXT: _, ...env } = process.env

/** Runs a program, and fails with what it printed.
 *  @param {string} cwd
 *  @param {string} command
 *  @param {string[]} args
 *  @returns {Promise<string>} what it printed */
async function run(cwd, command, ...args) {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args, { cwd, env, timeout: 120_000 })
    return stdout + stderr
  } catch (/** @type {any} */ error) {
    throw new Error(`${command} ${args.join(" ")}: ${error.message}\n${error.stdout}`)
  }
}

/** A copy of a project, with its own dependencies and the package.
 *  @param {string} name */
async function project(name) {
  const path = join(folder, name)
  await cp(new URL(name, import.meta.url), path, { recursive: true })
  if ((await readdir(path)).includes("package-lock.json")) await run(path, "npm", "ci", "--prefer-offline", "--no-audit", "--no-fund")
  await run(path, "npm", "install", "--no-save", "--prefer-offline", "--no-audit", "--no-fund", tarball)
}

/** The files of docs/javascript.md: blocks that begin with a comment with their name.
 *  @returns {Promise<{ name: string, text: string }[]>} */
async function documented() {
  const page = await readFile(join(client, "../docs/javascript.md"), "utf8")
  const blocks = [...page.matchAll(/^```ts\n\/\/ (src\/\S+)\n([^]*?)^```$/gm)]
  assert.equal(blocks.length, page.split("```ts").length - 1, "every block of TypeScript begins with its name")
  return blocks.map(([, name, text]) => ({ name, text }))
}

before(async () => {
  const printed = await run(client, "npm", "pack", "--silent", "--pack-destination", folder)
  tarball = join(folder, printed.trim().split("\n").at(-1) ?? "")
  await Promise.all(["vite", "node", "lint"].map(project))
})
after(() => rm(folder, { recursive: true }))

test("a strict TypeScript project with Vite compiles and builds, and so does one with a copy of pull.mjs", async () => {
  const path = join(folder, "vite")
  for (const { name, text } of await documented()) await writeFile(join(path, name), text)
  // The files that an application serves, under the names that it serves them by.
  await cp(join(client, "dist/pull.mjs"), join(path, "src/served/pull.mjs"))
  await cp(join(client, "pull.d.ts"), join(path, "src/served/pull.d.mts"))
  await run(path, "npx", "tsc", "--project", "tsconfig.json")
  await run(path, "npx", "tsc", "--project", "tsconfig.nodenext.json", "--noEmit", "false", "--rootDir", "src", "--outDir", "out")
  const printed = await run(path, "npx", "vite", "build")
  assert.doesNotMatch(printed, /warn/i)

  const [name] = await readdir(join(path, "dist/assets"))
  const bundle = await readFile(join(path, "dist/assets", name), "utf8")
  assert.match(bundle, /Pull-Client/)
  assert.match(bundle, /import\([^"'`]/, "the file for notifications is the server's")
  assert.doesNotMatch(bundle, /pull\.invalid/, "the fake client is only in tests")
})

test("the documented test of an application runs", async () => {
  assert.match(await run(join(folder, "vite"), process.execPath, "--test", "out/tasks.test.js"), /pass 2/)
})

test("a project in Node imports and requires the package", async () => {
  const path = join(folder, "node")
  for (const file of ["module.mjs", "commonjs.cjs"]) assert.equal(await run(path, process.execPath, file), "7\n")
})

test("every entry of the package can be imported and required, and the two have the same names", async () => {
  const path = join(folder, "node")
  const { exports } = JSON.parse(await readFile(join(client, "package.json"), "utf8"))
  for (const entry of Object.keys(exports).filter((name) => !name.endsWith(".json"))) {
    const name = "echo-pull" + entry.slice(1)
    const code = `const required = Object.keys(require("${name}")); import("${name}").then((module) => console.log(JSON.stringify([required, Object.keys(module)])))`
    const [required, imported] = JSON.parse(await run(path, process.execPath, "--eval", code))
    assert.deepEqual([required.sort(), imported.length > 0], [imported.sort(), true], name)
  }
})

test("linters of packages find nothing", async () => {
  const path = join(folder, "lint")
  await run(path, "npx", "publint", "run", tarball, "--strict")
  await run(path, "npx", "attw", tarball, "--profile", "node16")
})

test("TypeScript 5 takes the types, too", async () => {
  const path = join(folder, "vite")
  await run(path, join(folder, "lint/node_modules/.bin/tsc"), "--project", "tsconfig.nodenext.json")
})
