package envelope

// MaxTraceBytes is the largest size of a trace, which is that of a traceparent of W3C
// Trace Context.
const MaxTraceBytes = 55

// TraceRoom is how many bytes a trace adds to an envelope, at most.
const TraceRoom = MaxTraceBytes + 1

// WithTrace returns a copy of the envelope of an event with a trace, which links what
// nodes do with the event to the request that has sent it. The envelope must have none,
// and the trace must have at most MaxTraceBytes.
func WithTrace(raw []byte, trace string) []byte {
	at := HeaderBytes + namesBytes(raw)
	b := make([]byte, 0, len(raw)+TraceRoom)
	b = append(b, raw[:at]...)
	b = appendString(b, trace)
	b[flagsAt] |= traceFlag
	return append(b, raw[at:]...)
}

func hasTrace(raw []byte) bool { return raw[flagsAt]&traceFlag != 0 }
