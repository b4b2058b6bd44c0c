package window

// What the window counts for a message is what the node keeps for it: the
// message as it is in the log, these bytes, and the lists of its users and tags.
const (
	messageBytes = 48 // a Message
	recordBytes  = 8  // the place of the message in the embedded log
	markBytes    = 4  // the mark of its name, which the hub keeps
	offsetBytes  = 8  // its offset in a list
)

// listBytes returns what the list of a key takes beside its offsets: the key, a
// slot of a map, of which a third is free on average, and the list.
func listBytes(key []byte) int {
	const slot, list, word = 38, 48, 8
	return slot + list + (len(key)+word-1)/word*word
}
