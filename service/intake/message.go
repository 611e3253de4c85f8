package intake

import (
	"strconv"
	"strings"
	"time"

	"zhiyin/service/intake/document"
)

// Message is one decrypted push of the platform.
type Message struct {
	// Kind is Event, Event.ChangeType, InfoType, or the type of what is not an event.
	Kind string
	// At is when the platform says that it happened, to the second; zero when it says nothing.
	At     time.Time
	fields map[string][]string // by lower-case name: JSON pushes write names as they like
}

// Get is the text of a field of the message, empty when it has none. Of several it is the first.
func (m *Message) Get(name string) string {
	if texts := m.fields[strings.ToLower(name)]; len(texts) > 0 {
		return texts[0]
	}
	return ""
}

// List is all texts of a field. Older pushes join them by commas.
func (m *Message) List(name string) []string {
	texts := m.fields[strings.ToLower(name)]
	if len(texts) == 1 {
		texts = strings.Split(texts[0], ",")
	}
	return texts
}

// parse reads a whole message.
func parse(body []byte) (*Message, error) {
	m := &Message{fields: map[string][]string{}}
	var h head
	err := document.Read(body, document.Message, func(name, text []byte) {
		h.note(name, text)
		key := strings.ToLower(string(name))
		m.fields[key] = append(m.fields[key], string(text))
	})
	if err != nil {
		return nil, err
	}
	m.Kind = h.kind()
	if seconds, err := strconv.ParseInt(m.Get("CreateTime"), 10, 64); err == nil && seconds > 0 {
		m.At = time.Unix(seconds, 0).UTC()
	}
	return m, nil
}

// head is what has to be known of a message before it is stored.
type head struct {
	event, change, info, msgType string
	welcome                      bool // somebody waits to be welcomed
}

// unreadable is the kind of what is not a message.
const unreadable = "unreadable"

// readHead reads no more than the head, because it stands on the callback's path.
func readHead(body []byte) (kind string, welcome bool) {
	var h head
	if document.Read(body, document.Message, h.note) != nil {
		return unreadable, false
	}
	return h.kind(), h.welcome
}

func (h *head) note(name, text []byte) {
	var at *string
	switch string(name) {
	case "Event", "event":
		at = &h.event
	case "ChangeType", "changetype":
		at = &h.change
	case "InfoType", "infotype":
		at = &h.info
	case "MsgType", "msgtype":
		at = &h.msgType
	case "WelcomeCode", "welcomecode":
		h.welcome = len(text) > 0
		return
	default:
		return
	}
	if *at == "" {
		*at = string(text)
	}
}

// kind names what a message is about, in letters that can't do harm anywhere.
func (h *head) kind() string {
	kind := h.event
	switch {
	case kind == "" && h.info != "":
		kind = h.info
	case kind == "":
		kind = h.msgType
	}
	if h.change != "" {
		kind += "." + h.change
	}
	if kind == "" || len(kind) > 96 || strings.ContainsFunc(kind, isOdd) {
		return unreadable
	}
	return kind
}

func isOdd(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '.' && c != '-'
}
