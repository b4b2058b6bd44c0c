// What `npm install echo-pull` does for a project: here the client is this repository's.
import { fileURLToPath } from "node:url"

const client = fileURLToPath(new URL("../../client", import.meta.url))

export default {
  resolve: { alias: { "echo-pull": `${client}/src/module.js` } },
  server: { host: "127.0.0.1", strictPort: true, fs: { strict: false } },
  cacheDir: process.env.VITE_CACHE,
}
