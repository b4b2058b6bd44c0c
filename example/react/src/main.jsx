import { PullProvider } from "echo-pull/react"
import { StrictMode, useEffect, useState } from "react"
import { createRoot } from "react-dom/client"
import { enter, request } from "./session.js"
import { Tasks } from "./Tasks.jsx"

function App({ entered }) {
  const [pull, setPull] = useState(entered)

  // The login has ended, or somebody else has logged in.
  useEffect(() => pull?.on("error", (code) => code === "AUTHORIZE_ERROR" && setPull(null)), [pull])

  async function login(form) {
    await request("/login", form)
    setPull(await enter())
  }

  if (!pull) return <form action={login}><input name="name" required /><button>Log in</button></form>
  return <PullProvider value={pull}><Tasks /></PullProvider>
}

const entered = await enter().catch(() => null) // null: not logged in yet
createRoot(document.getElementById("root")).render(<StrictMode><App entered={entered} /></StrictMode>)
