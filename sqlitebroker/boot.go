package sqlitebroker

// nobodyKnows is the identity of a run of an operating system that has none.
const nobodyKnows = "unknown"
