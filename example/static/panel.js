"use strict"

// Shows every call of a hook. It registers the hooks of both platforms, so that one
// sees that a page runs only those of its own.
{
  const modules = ["tasks", "im", "audit"]
  const hooks = [
    ...modules.flatMap((id) => [`onPullEvent-${id}`, `onPull-${id}`]),
    ...["onPullClientEvent-im", "onPullClientEvent", "onPullClient-im"],
    ...["onPullEvent", "onPullOnlineEvent", "onPull", "onPullOnline", "onPullStatus", "onPullError", "onPullGap"],
  ]
  const calls = document.getElementById("calls")

  const show = (hook, args) => {
    const call = element("li", "", "")
    call.dataset.hook = hook
    call.dataset.args = JSON.stringify(args)
    const time = element("time", new Date().toLocaleTimeString("en", { hour12: false }), "")
    call.append(time, element("code", hook, ""))
    for (const arg of args) call.append(element("pre", JSON.stringify(arg), arg?.server_time ? "extra" : ""))
    calls.prepend(call)
    calls.tabIndex = 0 // the keyboard scrolls it
    while (calls.children.length > 100) calls.lastElementChild.remove()
    flash(call)
  }

  for (const hook of hooks) BX.addCustomEvent(hook, (...args) => show(hook, args))
}
