// Package document reads the small XML and JSON documents in which the platform pushes: the sealed
// envelope, which comes from anybody, and the message inside it. It is strict, because laxity before
// a signature is checked is what attackers look for, and it allocates next to nothing, because it
// stands on the callback's path.
package document

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// ErrMalformed is every document that is not exactly what the platform sends.
var ErrMalformed = errors.New("malformed document")

// maxDepth bounds how deep elements may nest, the root being 1.
const maxDepth = 8

// Form says what a document may be.
type Form int

const (
	// Envelope 信封: each name stands once among its siblings, whatever its letter case in JSON.
	Envelope Form = iota
	// Message 消息: names may repeat, as lists do, and what nests counts as text of the outermost.
	Message
)

// Field is told the name of a child of the root and a text in it: its own or, in a Message, that of an
// element somewhere inside it. Both are valid only until Field returns.
type Field func(name, text []byte)

// Read walks the document and calls field for each text in it, in order; an empty element holds an
// empty one. XML or JSON is told by the first byte that is no space. It fails with ErrMalformed on
// anything but UTF-8, deeper than 8, with directives, processing instructions other than the XML
// declaration, comments, attributes, namespaces, unknown entities, text beside elements, or anything
// after the root.
func Read(doc []byte, form Form, field Field) error {
	if !utf8.Valid(doc) {
		return ErrMalformed
	}
	body := bytes.TrimLeft(doc, " \t\r\n")
	if len(body) == 0 {
		return ErrMalformed
	}
	switch body[0] {
	case '<':
		return readXML(body, form, field)
	case '{':
		return readJSON(body, form, field)
	}
	return ErrMalformed
}
