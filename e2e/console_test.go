package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	browserlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
)

// A console collects the problems that a page reports.
type console struct {
	mu       sync.Mutex // guards problems
	problems []string
}

func (c *console) listen(event any) {
	if problem := problemOf(event); problem != "" {
		c.mu.Lock()
		c.problems = append(c.problems, problem)
		c.mu.Unlock()
	}
}

// problemOf returns the text of an exception, of an error logged by a script, or
// of an error logged by the browser, such as a violation of the page's Content
// Security Policy. For any other event it returns "".
func problemOf(event any) string {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		problem := e.ExceptionDetails.Text
		if thrown := e.ExceptionDetails.Exception; thrown != nil {
			problem += " " + thrown.Description
		}
		return problem
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			return "console.error " + texts(e.Args)
		}
	case *browserlog.EventEntryAdded:
		if e.Entry.Level == browserlog.EntryLevelError {
			return fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	}
	return ""
}

func texts(args []*runtime.RemoteObject) string {
	var all []string
	for _, arg := range args {
		all = append(all, string(arg.Value)+arg.Description)
	}
	return strings.Join(all, " ")
}

// said reports whether a problem with these words was logged.
func (c *console) said(words string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return slices.ContainsFunc(c.problems, func(problem string) bool { return strings.Contains(problem, words) })
}

// clean fails the test if the page has had problems, except those that contain
// one of the words.
func (p *tab) clean(except ...string) {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()

	for _, problem := range p.problems {
		expected := func(word string) bool { return strings.Contains(problem, word) }
		if !slices.ContainsFunc(except, expected) {
			p.Errorf("the console shows %q, want nothing", problem)
		}
	}
}
