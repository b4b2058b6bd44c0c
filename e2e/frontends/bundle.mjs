// Prints a page of the tests as one script, with the client and the libraries that client/ has
// installed: node frontends/bundle.mjs react.jsx

import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"

const client = new URL("../../client/", import.meta.url)
const { buildSync } = createRequire(client)("esbuild")
const source = (name) => fileURLToPath(new URL(`src/${name}.js`, client))

const { outputFiles } = buildSync({
  absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
  entryPoints: [process.argv[2]],
  bundle: true,
  write: false,
  jsx: "automatic",
  nodePaths: [fileURLToPath(new URL("node_modules", client))],
  alias: { "echo-pull": source("module"), "echo-pull/react": source("react"), "echo-pull/vue": source("vue") },
  define: {
    // As in development: only there does StrictMode mount twice, and is a mismatch an error.
    "process.env.NODE_ENV": '"development"',
    __VUE_OPTIONS_API__: "false",
    __VUE_PROD_DEVTOOLS__: "false",
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "true",
  },
})
process.stdout.write(outputFiles[0].text)
