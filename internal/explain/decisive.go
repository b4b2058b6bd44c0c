package explain

// markDecisive marks the steps from which the verdict follows: at least one.
func (f *Facts) markDecisive(e *Explanation) {
	n := countOutcomes(e.Sessions)
	switch {
	case e.Event == nil:
		e.mark(docs("the-log"))
	case n[Sent]+n[Waiting] > 0:
		e.markSessions(Sent, Waiting)
	case !f.isAddressed() && n[Perhaps] == 0 && !f.isCovered():
		e.mark(f.whatExcludes())
	case len(e.Sessions) == 0 && len(f.Nodes) == 0 && f.hasExpired():
		e.mark(docs("expired"))
	case len(e.Sessions) == 0 || f.hasMoved(e.Sessions, n):
		e.mark(docs("connected"))
	default:
		for _, outcome := range []Outcome{Gap, Perhaps, Not, Before, NotFor} {
			if n[outcome] > 0 {
				e.markSessions(outcome)
				return
			}
		}
	}
}

// whatExcludes returns the part of the guide about why the event is not for the user.
func (f *Facts) whatExcludes() string {
	switch {
	case f.Lost && f.hasTags():
		return docs("watches")
	case f.isExcepted():
		return docs("excepted")
	case f.hasTags():
		return docs("watches")
	}
	return docs("addressed")
}

// mark marks the steps that are about a part of the guide.
func (e *Explanation) mark(docs string) {
	for i := range e.Steps {
		if e.Steps[i].Docs == docs {
			e.Steps[i].Decides = true
		}
	}
}

// markSessions marks the steps of the sessions with an outcome.
func (e *Explanation) markSessions(outcomes ...Outcome) {
	session := 0
	for i := range e.Steps {
		if e.Steps[i].Docs != docs("sessions") {
			continue
		}
		for _, outcome := range outcomes {
			if e.Sessions[session].Outcome == outcome {
				e.Steps[i].Decides = true
			}
		}
		session++
	}
}

func countOutcomes(results []Result) map[Outcome]int {
	n := make(map[Outcome]int)
	for i := range results {
		n[results[i].Outcome]++
	}
	return n
}
