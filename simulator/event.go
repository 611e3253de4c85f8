package simulator

import (
	"encoding/json"
	"encoding/xml"
	"strconv"
	"strings"
	"time"
)

// event is something that happened in a client or the admin console.
type event struct {
	Name   string  // Event
	Change string  // ChangeType, may be empty
	Fields []field // in order
	Staff  string  // the member concerned: apps that don't see him are not told
	right  string  // the app needs it to be told
}

// field is one element. Value is string, int, []string (items), []field, or [][]field: an element for each, in
// JSON an object when there is one and a list when there are more.
type field struct {
	Name  string
	Value any
}

func text(name, value string) field { return field{name, value} }

// optional is no field at all when the value is empty, as on the platform.
func optional(fields []field, name, value string) []field {
	if value == "" {
		return fields
	}
	return append(fields, text(name, value))
}

func customerEvent(change, userid, external string, more ...field) event {
	return event{
		Name: "change_external_contact", Change: change, Staff: userid, right: rightCustomer,
		Fields: append([]field{text("UserID", userid), text("ExternalUserID", external)}, more...),
	}
}

func groupEvent(g *group, change string, more ...field) event {
	return event{
		Name: "change_external_chat", Change: change, Staff: g.Owner, right: rightCustomer,
		Fields: append([]field{text("ChatId", g.ID)}, more...),
	}
}

func tagEvent(change, id, kind string) event {
	e := event{Name: "change_external_tag", Change: change, right: rightCustomer}
	e.Fields = optional(e.Fields, "Id", id)
	e.Fields = optional(e.Fields, "TagType", kind)
	e.Fields = append(e.Fields, field{"StrategyId", 0})
	return e
}

func contactEvent(change, staff string, fields ...field) event {
	return event{Name: "change_contact", Change: change, Staff: staff, right: rightContacts, Fields: fields}
}

// elements puts the common header before the event's own fields.
func (e event) elements(to, from string, at time.Time) []field {
	out := []field{
		text("ToUserName", to), text("FromUserName", from), {"CreateTime", int(at.Unix())},
		text("MsgType", "event"), text("Event", e.Name),
	}
	out = optional(out, "ChangeType", e.Change)
	return append(out, e.Fields...)
}

// render writes the plaintext in the app's format.
func render(fields []field, format string) string {
	var b strings.Builder
	if format == "json" {
		renderJSON(&b, fields)
		return b.String()
	}
	b.WriteString("<xml>")
	renderXML(&b, fields)
	b.WriteString("</xml>")
	return b.String()
}

func renderXML(b *strings.Builder, fields []field) {
	for _, f := range fields {
		if each, ok := f.Value.([][]field); ok {
			for _, one := range each {
				renderXML(b, []field{{f.Name, one}})
			}
			continue
		}
		b.WriteString("<" + f.Name + ">")
		switch v := f.Value.(type) {
		case string:
			b.WriteString(cdata(v))
		case int:
			b.WriteString(strconv.Itoa(v))
		case []string:
			for _, item := range v {
				b.WriteString("<Item>" + cdata(item) + "</Item>")
			}
		case []field:
			renderXML(b, v)
		}
		b.WriteString("</" + f.Name + ">")
	}
}

func renderJSON(b *strings.Builder, fields []field) {
	b.WriteString("{")
	for i, f := range fields {
		if i > 0 {
			b.WriteString(",")
		}
		b.Write(mustJSON(f.Name))
		b.WriteString(":")
		switch v := f.Value.(type) {
		case []field:
			renderJSON(b, v)
		case [][]field:
			renderEach(b, v)
		case []string:
			b.Write(mustJSON(map[string][]string{"Item": v}))
		default:
			b.Write(encodeJSON(v))
		}
	}
	b.WriteString("}")
}

func renderEach(b *strings.Builder, each [][]field) {
	if len(each) == 1 {
		renderJSON(b, each[0])
		return
	}
	for i, one := range each {
		b.WriteString(string("[,"[min(i, 1)]))
		renderJSON(b, one)
	}
	b.WriteString("]")
}

// cdata wraps text; "]]>" inside is split over two sections, and characters that XML
// cannot hold are dropped.
func cdata(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == 0x9 || r == 0xA || r == 0xD || (r >= 0x20 && r <= 0xD7FF) || (r >= 0xE000 && r <= 0xFFFD) || r >= 0x10000 {
			return r
		}
		return -1
	}, s)
	return "<![CDATA[" + strings.ReplaceAll(s, "]]>", "]]]]><![CDATA[>") + "]]>"
}

// peek reads Event and ChangeType back from a plaintext, for the delivery log of raw ones.
func peek(plain string) (name, change string) {
	var v struct {
		Event      string `xml:"Event" json:"Event"`
		ChangeType string `xml:"ChangeType" json:"ChangeType"`
	}
	if strings.HasPrefix(strings.TrimSpace(plain), "{") {
		_ = json.Unmarshal([]byte(plain), &v)
	} else {
		_ = xml.Unmarshal([]byte(plain), &v)
	}
	return v.Event, v.ChangeType
}
