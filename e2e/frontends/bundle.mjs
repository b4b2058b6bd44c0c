// Prints a page of the tests as one script, with the client and the libraries that client/ has
// installed: node frontends/bundle.mjs react.jsx

import { mkdtempSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const client = new URL("../../client/", import.meta.url)
const { buildSync } = createRequire(client)("esbuild")
const source = (name) => fileURLToPath(new URL(`src/${name}.js`, client))

// The fake client is a bundle of its own.
const folder = mkdtempSync(join(tmpdir(), "pull-frontends-"))
process.on("exit", () => rmSync(folder, { recursive: true }))
const { bundleTesting } = await import(new URL("npm.js", client))
await bundleTesting(pathToFileURL(folder + "/"))

const { outputFiles } = buildSync({
  absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
  entryPoints: [process.argv[2]],
  bundle: true,
  write: false,
  jsx: "automatic",
  nodePaths: [fileURLToPath(new URL("node_modules", client))],
  alias: { "echo-pull": source("module"), "echo-pull/react": source("react"), "echo-pull/testing": join(folder, "testing.mjs"), "echo-pull/vue": source("vue") },
  define: {
    // As in development: only there does StrictMode mount twice, and is a mismatch an error.
    "process.env.NODE_ENV": '"development"',
    __VUE_OPTIONS_API__: "false",
    __VUE_PROD_DEVTOOLS__: "false",
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "true",
  },
})
process.stdout.write(outputFiles[0].text)
