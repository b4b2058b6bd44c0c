// What the client loads in tests, from the sources.
export { join } from "../../src/tabs/join.js"
