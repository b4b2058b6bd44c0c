"use strict"

// The hooks of a mobile page, in the three ways in which they are written. They get
// one object.

// One module's events.
BX.addCustomEvent("onPull-tasks", BX.delegate(function (data) {
  page.task(data.command, data.params)
}, this))

// The same without BX.delegate, and by the name that apps use.
BXMobileApp.addCustomEvent("onPull-im", function (data) {
  if (data.command == "message") {
    page.message(data.params)
  }
})

// The events of all modules.
BX.addCustomEvent("onPull", BX.delegate(function (data) {
  if (data.module_id == "audit") {
    page.audit(data.command, data.params)
  }
}, this))

// Who comes and goes has a hook of its own.
BX.addCustomEvent("onPullOnline", function (data) {
  page.online(data.command, data.params)
})

BX.addCustomEvent("onPullStatus", function (data) {
  page.status(data.status)
})

BX.addCustomEvent("onPullGap", function () {
  page.gap()
})
