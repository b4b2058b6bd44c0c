package pending

import "container/heap"

// Orphans returns the owners of notes that are gone.
func (l *List) Orphans(isGone func(owner string) bool) []string {
	var gone []string
	for owner := range l.owners {
		if owner != l.self && isGone(owner) {
			gone = append(gone, owner)
		}
	}
	return gone
}

// Claim makes a node the owner of the notes of others. Every node applies a claim
// at the same place of the log, so that of two claims one counts.
func (l *List) Claim(owners []string, by string) {
	claimed := make(map[string]bool, len(owners))
	for _, owner := range owners {
		claimed[owner] = owner != by && l.owners[owner] > 0
	}
	for _, n := range l.notes {
		if claimed[n.Owner] {
			l.own(n, by)
		}
	}
}

// own changes the owner of a note, and so which node looks at its entries.
func (l *List) own(n *Note, owner string) {
	if l.owners[n.Owner]--; l.owners[n.Owner] == 0 {
		delete(l.owners, n.Owner)
	}
	n.Owner = owner
	l.owners[owner]++
	for e := n.first; e != nil; e = e.nextOfNote {
		switch ours := l.isOurs(e); {
		case e.state != waiting:
		case ours && e.index < 0:
			heap.Push(&l.due, e)
		case !ours && e.index >= 0:
			heap.Remove(&l.due, e.index)
		}
	}
}
