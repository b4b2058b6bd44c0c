import { Pull } from "echo-pull"

const api = import.meta.env.VITE_API ?? "http://localhost:8080"

/** A request to the API on another origin, with the cookie. With a form it is a POST. */
export async function request(path, form) {
  const response = await fetch(api + path, { credentials: "include", method: form ? "POST" : "GET", body: form })
  if (!response.ok) throw new Error(`${path}: status ${response.status}`)
  return response
}

/** Returns the client of the user who has logged in. */
export async function enter() {
  const { user, cursor } = await (await request("/session")).json()
  return new Pull({ url: `${api}/pull`, user, cursor, credentials: "include" })
}
