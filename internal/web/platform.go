package web

// Platform determines which hooks a page runs.
type Platform int

const (
	// Desktop pages run onPullEvent, onPullEvent-<module> and onPullOnlineEvent.
	Desktop Platform = iota

	// Mobile pages run onPull, onPull-<module> and onPullOnline.
	Mobile
)

func (p Platform) String() string {
	if p == Mobile {
		return "mobile"
	}
	return "desktop"
}
