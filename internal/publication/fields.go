package publication

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/internal/protocol"
)

// fields are the names of the members that an object has.
type fields map[string]bool

var errUnknown = errors.New("unknown field")

// read calls visit for each member of an object, which is JSON. An error of visit names
// the field, as do those for what is no object and for a member that is there twice.
func (f fields) read(path string, object []byte, visit func(name string, value json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(object))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return &Error{Field: path, Reason: "want an object"}
	}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name := token.(string) //nolint:forcetypeassert // in an object, the names are the strings
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if f[name] {
			return &Error{Field: join(path, name), Reason: "the field is there twice"}
		}
		f[name] = true
		if err := visit(name, value); err != nil {
			return in(join(path, name), err)
		}
	}
	return nil
}

// need returns an error if the object lacks one of the members.
func (f fields) need(path string, names ...string) error {
	for _, name := range names {
		if !f[name] {
			return &Error{Field: join(path, name), Reason: "missing"}
		}
	}
	return nil
}

// in returns an error with the field that it is about, unless it has one.
func in(field string, err error) error {
	var wrong *Error
	if errors.As(err, &wrong) {
		return wrong
	}
	return &Error{Field: field, Reason: reasonOf(err)}
}

func join(path, name string) string {
	if name = printable(name); path == "" {
		return name
	}
	return path + "." + name
}

// printable returns a name from a request as an error shows it.
func printable(name string) string {
	const longest = 40
	if len(name) <= longest && envelope.CheckModule(name) == nil {
		return name
	}
	return strconv.QuoteToASCII(name[:min(len(name), longest)])
}

func readString(value []byte, s *string) error {
	if value[0] != '"' {
		return errors.New("want a string")
	}
	return json.Unmarshal(value, s)
}

func readBool(value []byte, b *bool) error {
	if value[0] != 't' && value[0] != 'f' {
		return errors.New("want true or false")
	}
	return json.Unmarshal(value, b)
}

func readIDs(value []byte, what string, ids *[]string) error {
	if value[0] != '[' || json.Unmarshal(value, ids) != nil {
		return errors.New("want a list of strings")
	}
	return envelope.CheckIDs(what, *ids)
}

func readModule(value []byte, id *string) error {
	if err := readString(value, id); err != nil {
		return err
	}
	return envelope.CheckModule(*id)
}

// readSeconds reads a duration. Longer ones than maxSeconds mean no end.
func readSeconds(value []byte, d *time.Duration) error {
	const maxSeconds = 100 * 365 * 24 * 3600
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < 1 || n > maxSeconds {
		return errors.New("want seconds: a whole number from 1 to 3153600000")
	}
	*d = time.Duration(n) * time.Second
	return nil
}

func readInt(value []byte, n *int) (err error) {
	if *n, err = strconv.Atoi(string(value)); err != nil {
		return errors.New("want a whole number")
	}
	return nil
}

func readKeep(value []byte, k *event.Keep) error {
	switch string(value) {
	case `"all"`:
		*k = event.KeepAll
	case `"last"`:
		*k = event.Last
	default:
		return errors.New(`want "all" or "last"`)
	}
	return nil
}

// readMembers reads an object into a map from the names of its members to their JSON.
func readMembers(path string, object []byte, members *map[string]any) error {
	*members = make(map[string]any)
	return make(fields).read(path, object, func(name string, value json.RawMessage) error {
		(*members)[name] = value
		return nil
	})
}

// readPerUser reads what single users get.
func readPerUser(value []byte, perUser *map[string]any) error {
	*perUser = make(map[string]any)
	return make(fields).read("event.perUser", value, func(user string, params json.RawMessage) error {
		if err := envelope.CheckIDs("user id", []string{user}); err != nil {
			return err
		}
		var line bytes.Buffer
		if err := json.Compact(&line, params); err != nil {
			return err
		}
		(*perUser)[user] = json.RawMessage(line.Bytes())
		return protocol.CheckObject(line.Bytes())
	})
}

// readPush reads a notification. Its check is that of the event.
func readPush(value []byte, push **notification.Push) error {
	p := new(notification.Push)
	*push = p
	return make(fields).read("event.push", value, func(name string, value json.RawMessage) error {
		switch name {
		case "title":
			return readString(value, &p.Title)
		case "body":
			return readString(value, &p.Body)
		case "url":
			return readString(value, &p.URL)
		case "icon":
			return readString(value, &p.Icon)
		case "image":
			return readString(value, &p.Image)
		case "badge":
			return readInt(value, &p.Badge)
		case "tag":
			return readString(value, &p.Tag)
		case "topic":
			return readString(value, &p.Topic)
		case "urgency":
			return readString(value, (*string)(&p.Urgency))
		case "ttl":
			return readSeconds(value, &p.TTL)
		case "immediately":
			return readBool(value, &p.Immediately)
		case "important":
			return readBool(value, &p.Important)
		case "silent":
			return readBool(value, &p.Silent)
		}
		return errUnknown
	})
}
