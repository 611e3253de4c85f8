package message

import (
	"fmt"
	"net/url"
	"strings"
)

// place is one text of a content.
type place struct {
	field string // its name in faults
	text  *string
	// address: an address of the web or a page, into which values are escaped.
	address bool
	fixed   bool // no variables
}

// places lists all texts of a content, to be read or written through.
func (c *Content) places() []place {
	list := []place{{field: "subject", text: &c.Subject}, {field: "text", text: &c.Text}}
	for i := range c.Attachments {
		a, at := &c.Attachments[i], fmt.Sprintf("attachments[%d].", i)
		list = append(list,
			place{field: at + "title", text: &a.Title}, place{field: at + "description", text: &a.Description},
			place{field: at + "url", text: &a.URL, address: true}, place{field: at + "page", text: &a.Page, address: true},
			place{field: at + "picture_url", text: &a.PictureURL, fixed: true}, place{field: at + "app_id", text: &a.AppID, fixed: true})
	}
	if k := c.Card; k != nil {
		list = append(list,
			place{field: "card.title", text: &k.Title}, place{field: "card.description", text: &k.Description},
			place{field: "card.url", text: &k.URL, address: true}, place{field: "card.button", text: &k.Button})
		list = append(list, fieldPlaces("card.fields", k.Fields)...)
	}
	if s := c.Subscribe; s != nil {
		list = append(list, place{field: "subscribe.template_id", text: &s.TemplateID, fixed: true}, place{field: "subscribe.page", text: &s.Page, address: true})
		list = append(list, fieldPlaces("subscribe.data", s.Data)...)
	}
	return list
}

func fieldPlaces(field string, fields []Field) (list []place) {
	for i := range fields {
		at := fmt.Sprintf("%s[%d].", field, i)
		list = append(list, place{field: at + "name", text: &fields[i].Name, fixed: true}, place{field: at + "value", text: &fields[i].Value})
	}
	return list
}

// clone copies a content, so that it can be written through its places.
func (c *Content) clone() Content {
	out := *c
	out.Attachments = append([]Attachment(nil), c.Attachments...)
	if c.Card != nil {
		k := *c.Card
		k.Fields = append([]Field(nil), k.Fields...)
		out.Card = &k
	}
	if c.Subscribe != nil {
		s := *c.Subscribe
		s.Data = append([]Field(nil), s.Data...)
		out.Subscribe = &s
	}
	return out
}

// parsed is a content whose texts are split.
type parsed struct {
	content Content
	pieces  [][]Piece // of each place; nil: as it stands
	names   []string  // of all variables, each once
}

// parse splits all texts of a content. It fails with ErrVariable, naming the field.
func parse(c Content) (*parsed, error) {
	p := &parsed{content: c}
	seen := map[string]bool{}
	for _, at := range c.places() {
		known := isVariable
		if at.fixed {
			known = func(string) bool { return false }
		}
		pieces, err := Parse(*at.text, known)
		if err != nil {
			return nil, ErrVariable.With(at.field, "only "+names()+" {{"+VarField+"…}}")
		}
		plain := true
		for _, x := range pieces {
			if x.Variable != "" {
				plain = false
				if !seen[x.Variable] {
					seen[x.Variable] = true
					p.names = append(p.names, x.Variable)
				}
			}
		}
		if plain {
			pieces = nil
		}
		p.pieces = append(p.pieces, pieces)
	}
	return p, nil
}

func names() string {
	var list []string
	for _, v := range variables {
		list = append(list, "{{"+v.Name+"}}")
	}
	return strings.Join(list, " ")
}

// fill puts the values of one recipient in.
func (p *parsed) fill(value func(name string) string) Rendered {
	out := Rendered{Content: p.content.clone()}
	for i, at := range out.places() {
		pieces := p.pieces[i]
		if pieces == nil {
			continue
		}
		get := value
		if at.address && !wholly(pieces) {
			get = func(name string) string { return url.QueryEscape(value(name)) }
		}
		text, missing := Fill(pieces, get)
		if missing != "" {
			return Rendered{Missing: missing}
		}
		*at.text = text
	}
	if out.Subscribe != nil {
		for i := range out.Subscribe.Data {
			f := &out.Subscribe.Data[i]
			if m := keywordShape.FindStringSubmatch(f.Name); m != nil {
				f.Value = CutChars(f.Value, keywordChars[m[1]])
			}
		}
	}
	return out
}

// wholly tells whether an address is nothing but the variable that holds one.
func wholly(pieces []Piece) bool { return len(pieces) == 1 && pieces[0].Variable == VarLink }

// personal tells whether what is said differs from one recipient to another.
func (p *parsed) personal() bool {
	for _, n := range p.names {
		if v, _ := variableNamed(n); v.Source == FromCustomer || v.Source == FromPlanner {
			return true
		}
	}
	return false
}
