package e2e

import (
	"path/filepath"
	"testing"
)

func TestDesktopHooks(t *testing.T) {
	t.Parallel()
	e := startExample(t, "--grace", "100ms")
	ann := newPerson(t, "ann").open(t, e.url+"/")
	ann.connected()
	bob := newPerson(t, "bob").open(t, e.url+"/")
	bob.connected()

	bob.submit("/tasks", "title", "milk")
	bob.submit("/say", "text", "hello")

	const extra = `.server_time && Number.isFinite(args.at(-1).server_time_unix) && args.at(-1).sender.type === 2 && args.at(-1).server_time_ago >= 0`
	ann.called("onPullEvent-tasks", `args.length === 3 && args[0] === "save" && args[1].title === "milk" && args[2]`+extra)
	ann.called("onPullEvent", `args.length === 4 && args[0] === "tasks" && args[1] === "save" && args[2].title === "milk" && args[3]`+extra)
	ann.called("onPullEvent-im", `args.length === 3 && args[0] === "message" && args[1].text === "hello" && args[2]`+extra)
	ann.called("onPullEvent", `args.length === 4 && args[0] === "im" && args[1] === "message" && args[2].text === "hello" && args[3]`+extra)
	ann.called("onPullOnlineEvent", `args.length === 3 && args[0] === "user_online" && args[1].USER_ID === "bob" && args[2].server_time`)
	bob.called("onPullOnlineEvent", `args.length === 3 && args[0] === "online_list" && args[1].USERS.ann.id === "ann"`)
	ann.called("onPullStatus", `args.length === 1 && args[0] === "connect"`)
	ann.called("onPullStatus", `args.length === 1 && args[0] === "online"`)
	bob.close()
	ann.called("onPullOnlineEvent", `args[0] === "user_offline" && args[1].USER_ID === "bob"`)

	ann.never(calls("onPullEvent", `args[0] === "online" || args[0] === "pull"`))
	ann.never(`document.querySelector('#calls :is([data-hook^="onPull-"], [data-hook="onPull"], [data-hook="onPullOnline"])')`)
	ann.clean()
}

func TestMobileHooks(t *testing.T) {
	t.Parallel()
	e := startExample(t, "--grace", "100ms")
	ann := newPerson(t, "ann").open(t, e.url+"/m")
	ann.connected()
	bob := newPerson(t, "bob").open(t, e.url+"/m")
	bob.connected()

	bob.submit("/tasks", "title", "milk")
	bob.submit("/say", "text", "hello")

	const one = `args.length === 1 && `
	const extra = ` && args[0].extra.server_time && args[0].extra.sender.type === 2`
	ann.called("onPull-tasks", one+`args[0].module_id === "tasks" && args[0].command === "save" && args[0].params.title === "milk"`+extra)
	ann.called("onPull", one+`args[0].module_id === "tasks" && args[0].command === "save" && args[0].params.title === "milk"`+extra)
	ann.called("onPull-im", one+`args[0].module_id === "im" && args[0].command === "message" && args[0].params.text === "hello"`+extra)
	ann.called("onPull", one+`args[0].module_id === "im" && args[0].command === "message" && args[0].params.text === "hello"`+extra)
	ann.called("onPullOnline", one+`args[0].command === "user_online" && args[0].params.USER_ID === "bob" && !("module_id" in args[0])`)
	bob.called("onPullOnline", one+`args[0].command === "online_list" && args[0].params.USERS.ann.id === "ann"`)
	ann.called("onPullStatus", one+`args[0].status === "connect" && args[0].additional`)
	ann.called("onPullStatus", one+`args[0].status === "online" && args[0].additional`)
	bob.close()
	ann.called("onPullOnline", `args[0].command === "user_offline" && args[0].params.USER_ID === "bob"`)

	ann.never(calls("onPull", `args[0].module_id === "online" || args[0].module_id === "pull"`))
	ann.never(`document.querySelector('#calls [data-hook^="onPullEvent"], #calls [data-hook="onPullOnlineEvent"]')`)
	ann.clean()
}

func TestRefusalIsTold(t *testing.T) {
	t.Parallel()
	e := startExample(t, "--state", filepath.Join(t.TempDir(), "state"))
	ann := newPerson(t, "ann")
	desktop, mobile := ann.open(t, e.url+"/"), ann.open(t, e.url+"/m")
	desktop.connected()
	mobile.connected()

	desktop.run(`document.cookie = "name=; path=/; Max-Age=0"`)
	e.restart()

	for _, page := range []*tab{desktop, mobile} {
		page.called("onPullError", `args.length === 2 && args[0] === "AUTHORIZE_ERROR" && args[1]`)
		page.called("onPullStatus", `args[0] === "offline" || args[0].status === "offline"`)
	}
	desktop.clean("WebSocket", "ERR_CONNECTION_REFUSED", "401")
}

// The example's own scripts register hooks before the client starts, these after
// it. They are the snippets from the page that describes the original, with the
// arguments that the original really passes.
func TestSnippetsOnADesktopPageThatHasConnected(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	ann := newPerson(t, "ann").open(t, e.url+"/")
	ann.connected()
	ann.run(`window.late = []
		BX.addCustomEvent("onPullEvent-IM", BX.delegate(function(command,params){
			late.push(["module", command, params.text, this === window].join());
		}, this));
		BX.addCustomEvent("onPullEvent-im", function(command,params,extra) {
			if (command == 'message')
			{
				late.push(["plain", command, params.text, typeof extra].join());
			}
		});
		BX.addCustomEvent("onPullEvent", BX.delegate(function(module_id,command,params){
			late.push(["all", module_id, command, params.text, this === window].join());
		}, this));`)

	ann.submit("/say", "text", "hello")

	ann.until("late.length >= 3")
	if got, want := value[string](ann, "late.join(' ')"), "module,message,hello,true plain,message,hello,object all,im,message,hello,true"; got != want {
		t.Errorf("the hooks got %q, want %q", got, want)
	}
	ann.clean()
}

func TestSnippetsOnAMobilePageThatHasConnected(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	ann := newPerson(t, "ann").open(t, e.url+"/m")
	ann.connected()
	ann.run(`window.late = []
		BX.addCustomEvent("onPull-IM", BX.delegate(function(data){
			late.push(["module", data.command, data.params.text, this === window].join());
		}, this));
		BXMobileApp.addCustomEvent("onPull-im", function(data) {
			if (data.command == 'message')
			{
				late.push(["plain", data.command, data.params.text, typeof data.extra].join());
			}
		});
		BX.addCustomEvent("onPull", BX.delegate(function(data){
			late.push(["all", data.module_id, data.command, data.params.text, this === window].join());
		}, this));`)

	ann.submit("/say", "text", "hello")

	ann.until("late.length >= 3")
	if got, want := value[string](ann, "late.join(' ')"), "module,message,hello,true plain,message,hello,object all,im,message,hello,true"; got != want {
		t.Errorf("the hooks got %q, want %q", got, want)
	}
	ann.clean()
}
