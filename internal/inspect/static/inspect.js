// What the inspector's page does besides showing what comes: it can be paused, and shows
// when nothing comes any more. Without this file, the page shows what was when it was loaded.

const late = 10_000 // ms without an update; there is one every two seconds

const live = document.querySelector("#pull-live")
const watch = document.querySelector("pull-watch")
const state = document.querySelector("#state")
const button = document.querySelector("#pause")

// Nothing is lost if the page is loaded again: no text, and no focus.
const isUntouched = () => document.activeElement === document.body
  && [...document.querySelectorAll("input")].every((input) => input.value === input.defaultValue)

if (live && watch && state && button) {
  let isPaused = false
  let wasConnected = false
  let timer

  const show = (name, text) => {
    if (state.textContent !== text) state.textContent = text // a screen reader reads each change
    state.dataset.state = name
  }
  const expect = () => {
    clearTimeout(timer)
    timer = setTimeout(miss, late)
  }

  // A node that has started again does not know this page. Once the node can be reached,
  // the page is loaded again. One that has not connected yet would only begin anew with that.
  const miss = async () => {
    if (!wasConnected) {
      wasConnected = Boolean(globalThis.BX?.PULL?.isConnected())
      return expect()
    }
    show("late", "no updates")
    const response = await fetch(location.href, { redirect: "error" }).catch(() => null)
    if (state.dataset.state !== "late") return
    if (response?.ok && isUntouched()) location.reload()
    else expect()
  }

  new MutationObserver(() => {
    if (isPaused) return
    wasConnected = true
    show("live", "live")
    expect()
  }).observe(live, { childList: true, subtree: true, characterData: true, attributes: true })

  // Without the element, the page does not watch, and the node need not send.
  button.addEventListener("click", () => {
    isPaused = !isPaused
    button.textContent = isPaused ? "Resume" : "Pause"
    clearTimeout(timer)
    if (isPaused) {
      watch.remove()
      show("paused", "paused")
    } else {
      state.after(watch)
      show("connecting", "connecting")
      expect()
    }
  })

  button.hidden = false
  show("connecting", "connecting")
  expect()
}
