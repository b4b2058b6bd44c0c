"use strict"

// The hooks of a desktop page, in the three ways in which they are written.

// One module's events.
BX.addCustomEvent("onPullEvent-tasks", BX.delegate(function (command, params) {
  page.task(command, params)
}, this))

// The same without BX.delegate.
BX.addCustomEvent("onPullEvent-im", function (command, params, extra) {
  if (command == "message") {
    page.message(params)
  }
})

// The events of all modules.
BX.addCustomEvent("onPullEvent", BX.delegate(function (module_id, command, params) {
  if (module_id == "audit") {
    page.audit(command, params)
  }
}, this))

// Who comes and goes has a hook of its own.
BX.addCustomEvent("onPullOnlineEvent", function (command, params) {
  page.online(command, params)
})

BX.addCustomEvent("onPullStatus", function (status) {
  page.status(status)
})

BX.addCustomEvent("onPullGap", function () {
  page.gap()
})
