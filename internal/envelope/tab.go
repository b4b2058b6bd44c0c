package envelope

import "bytes"

const maxTabDigits = 10

// A browser whose tabs share a connection names each tab: by the id of the connection, an
// underscore, and a number of up to ten digits.

// SplitTab splits the id of a tab into the id of its connection and its number. The number
// is empty if the id is not that of a tab.
func SplitTab(client string) (connection, tab string) {
	if n := tabLen([]byte(client)); n > 0 {
		return client[:len(client)-n-1], client[len(client)-n:]
	}
	return client, ""
}

// JoinTab returns the id of a tab of a connection. It returns false if there can be none.
func JoinTab(connection, tab string) (client string, ok bool) {
	client = connection + "_" + tab
	_, split := SplitTab(client)
	return client, split != "" && split == tab && IsClientID(client)
}

// SenderTab returns the number of the tab that has sent an event, if name is that of a tab
// whose page is the user's with the id client, else nil.
func SenderTab(name []byte, client, user string) []byte {
	slash := bytes.IndexByte(name, '/')
	if slash < 0 || string(name[slash+1:]) != user {
		return nil
	}
	n := tabLen(name[:slash])
	if n == 0 || string(name[:slash-n-1]) != client {
		return nil
	}
	return name[slash-n : slash]
}

// IsTabName reports whether name is that of a tab.
func IsTabName(name []byte) bool {
	slash := bytes.IndexByte(name, '/')
	return slash > 0 && tabLen(name[:slash]) > 0
}

// tabLen returns the number of digits of a tab's number at the end of an id, or 0.
func tabLen(client []byte) int {
	at := bytes.LastIndexByte(client, '_')
	n := len(client) - at - 1
	if at < 1 || n < 1 || n > maxTabDigits {
		return 0
	}
	for _, c := range client[at+1:] {
		if c < '0' || c > '9' {
			return 0
		}
	}
	return n
}
