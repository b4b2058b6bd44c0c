export { Pull } from "./pull.js"
