package journey

import (
	"strconv"

	"zhiyin/service/event"
)

func number(id int64) string { return strconv.FormatInt(id, 10) }

// said is what an event says, by property.
type said map[string]any

// readSaid reads a payload; numbers stay as they are written, so that ids and fen keep every digit.
func readSaid(payload string) said { return said(event.ReadSaid(payload)) }

// text is one property as a text; empty when it is not said or no plain value.
func (s said) text(property string) string { return event.Said(s).Text(property) }

// keyOf is what tells apart runs that a customer makes side by side.
func (s said) keyOf(property string) string { return cutTo(s.text(property), maxKey) }

// concerns tells whether an event of the kind is the one that is meant for the run of a key.
func (h *Happening) concerns(key, kind string, what said) bool {
	return h.fits(kind, what) && (h.Key == "" || what.keyOf(h.Key) == key)
}

// fits tells whether an event of the kind is the one that is meant.
func (h *Happening) fits(kind string, what said) bool {
	if h == nil || h.Kind != kind {
		return false
	}
	for _, m := range h.Where {
		if !m.Holds(event.Said(what)) {
			return false
		}
	}
	return true
}
