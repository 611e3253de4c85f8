package document

import (
	"bytes"
	"strconv"
)

// reader walks one XML document. It holds names as slices of the document.
type reader struct {
	doc  []byte
	at   int
	form Form
	told Field

	open  [maxDepth]element
	depth int
	seen  [maxSeen]sibling // of an Envelope only
	count int
	text  []byte // scratch for text that is not one run of the document
}

// element is one that is open.
type element struct {
	name     []byte
	id       int  // number of the element in the document
	children bool // it holds elements, so no text
}

// sibling says that a name was met below a parent.
type sibling struct {
	parent int
	name   []byte
}

// maxSeen bounds the elements of an envelope; the platform's has three or four.
const maxSeen = 32

func readXML(doc []byte, form Form, told Field) error {
	r := &reader{doc: doc, form: form, told: told}
	if r.has("<?xml") {
		end := bytes.Index(doc, []byte("?>"))
		if end < 0 || end > 200 || len(doc) < 6 || !isSpace(doc[5]) {
			return ErrMalformed
		}
		r.at = end + 2
		r.spaces()
	}
	if !r.root() {
		return ErrMalformed
	}
	r.spaces()
	if r.at != len(r.doc) {
		return ErrMalformed
	}
	return nil
}

// root reads the root element with all that is in it.
func (r *reader) root() bool {
	closed, ok := r.start()
	if !ok || closed {
		return ok
	}
	for r.depth > 0 {
		text, ok := r.content()
		if !ok {
			return false
		}
		parent := &r.open[r.depth-1]
		switch {
		case r.has("</"):
			if parent.children && !blank(text) || !r.end(text) {
				return false
			}
		case r.has("<"):
			// Text beside elements is no form the platform uses.
			if !blank(text) {
				return false
			}
			parent.children = true
			if _, ok := r.start(); !ok {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// start reads a start tag; closed says that it ends itself.
func (r *reader) start() (closed, ok bool) {
	opened := r.take("<")
	name := r.name()
	if !opened || len(name) == 0 || r.depth == maxDepth || !r.note(name) {
		return false, false
	}
	r.open[r.depth] = element{name: name, id: r.count}
	r.depth++
	r.spaces()
	switch {
	case r.take(">"):
		return false, true
	case r.take("/>"):
		r.tell(nil)
		r.depth--
		return true, true
	}
	return false, false
}

// end reads an end tag and tells the field it closes.
func (r *reader) end(text []byte) bool {
	r.at += 2
	name := r.name()
	r.spaces()
	if !r.take(">") || !bytes.Equal(name, r.open[r.depth-1].name) {
		return false
	}
	if !r.open[r.depth-1].children {
		r.tell(text)
	}
	r.depth--
	return true
}

func (r *reader) tell(text []byte) {
	if r.depth == 2 || r.depth > 2 && r.form == Message {
		r.told(r.open[1].name, text)
	}
}

// note numbers an element and, in an envelope, refuses a name that a sibling bears.
func (r *reader) note(name []byte) bool {
	if r.form == Envelope {
		if r.count == maxSeen {
			return false
		}
		parent := -1
		if r.depth > 0 {
			parent = r.open[r.depth-1].id
		}
		for _, s := range r.seen[:r.count] {
			if s.parent == parent && bytes.Equal(s.name, name) {
				return false
			}
		}
		r.seen[r.count] = sibling{parent, name}
	}
	r.count++
	return true
}

// content reads text up to the next tag: character data, CDATA and references. One plain run is a
// slice of the document; anything more is put together in the scratch buffer.
func (r *reader) content() (text []byte, ok bool) {
	r.text = r.text[:0]
	var only []byte // the run so far, while there is only one
	add := func(run []byte) {
		switch {
		case len(run) == 0:
		case only == nil && len(r.text) == 0:
			only = run
		default:
			r.text = append(append(r.text, only...), run...)
			only = nil
		}
	}
	for r.at < len(r.doc) {
		run := r.plain()
		if !allowed(run) || bytes.Contains(run, []byte("]]>")) {
			return nil, false
		}
		add(run)
		switch {
		case r.take("<![CDATA["):
			end := bytes.Index(r.doc[r.at:], []byte("]]>"))
			if end < 0 || !allowed(r.doc[r.at:r.at+end]) {
				return nil, false
			}
			add(r.doc[r.at : r.at+end])
			r.at += end + 3
		case r.has("&"):
			char, ok := r.reference()
			if !ok {
				return nil, false
			}
			add([]byte(string(char)))
		default:
			if only != nil {
				return only, true
			}
			return r.text, true
		}
	}
	return nil, false
}

// plain takes the characters before the next < or &.
func (r *reader) plain() []byte {
	rest := r.doc[r.at:]
	end := bytes.IndexByte(rest, '<')
	if end < 0 {
		end = len(rest)
	}
	if amp := bytes.IndexByte(rest[:end], '&'); amp >= 0 {
		end = amp
	}
	r.at += end
	return rest[:end]
}

// maxReference is longer than any reference that means a character: &#x10FFFF;.
const maxReference = 10

func (r *reader) reference() (rune, bool) {
	rest := r.doc[r.at:]
	end := bytes.IndexByte(rest[:min(len(rest), maxReference)], ';')
	if end < 2 {
		return 0, false
	}
	name := string(rest[1:end])
	r.at += end + 1
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if name[0] != '#' || len(name) < 2 {
		return 0, false
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	return rune(n), err == nil && isChar(rune(n))
}

// name takes an element's name. A colon is no part of one: there are no namespaces here.
func (r *reader) name() []byte {
	from := r.at
	for r.at < len(r.doc) && isName(r.doc[r.at], r.at == from) {
		r.at++
	}
	return r.doc[from:r.at]
}

func (r *reader) has(prefix string) bool {
	return len(r.doc)-r.at >= len(prefix) && string(r.doc[r.at:r.at+len(prefix)]) == prefix
}

func (r *reader) take(prefix string) bool {
	if r.has(prefix) {
		r.at += len(prefix)
		return true
	}
	return false
}

func (r *reader) spaces() {
	for r.at < len(r.doc) && isSpace(r.doc[r.at]) {
		r.at++
	}
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

func blank(text []byte) bool {
	for _, b := range text {
		if !isSpace(b) {
			return false
		}
	}
	return true
}

func isName(b byte, first bool) bool {
	letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_'
	return letter || !first && (b >= '0' && b <= '9' || b == '-' || b == '.')
}

// allowed tells whether XML may hold these bytes; that they are UTF-8 is known.
func allowed(text []byte) bool {
	for i, b := range text {
		if b < 0x20 && !isSpace(b) {
			return false
		}
		// U+FFFE and U+FFFF are EF BF BE and EF BF BF.
		if b == 0xEF && i+2 < len(text) && text[i+1] == 0xBF && text[i+2] >= 0xBE {
			return false
		}
	}
	return true
}

func isChar(c rune) bool {
	return c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c <= 0xD7FF || c >= 0xE000 && c <= 0xFFFD || c >= 0x10000 && c <= 0x10FFFF
}
