package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
)

// readJSON walks by tokens, so that depth and names are judged before anything is built. The
// platform pushes XML unless an operator chose otherwise, so this need not be as quick.
func readJSON(doc []byte, form Form, told Field) error {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	if _, err := d.Token(); err != nil { // the brace that Read has seen
		return ErrMalformed
	}
	if !object(d, form, 1, "", told) {
		return ErrMalformed
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ErrMalformed
	}
	return nil
}

// object reads the members of an object whose brace has been read, and its closing brace. within is
// the member of the root that the object is inside of.
func object(d *json.Decoder, form Form, depth int, within string, told Field) bool {
	names := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return false
		}
		folded := strings.ToLower(name)
		if form == Envelope && (names[folded] || len(names) == maxSeen) {
			return false
		}
		names[folded] = true
		if within != "" {
			name = within
		}
		if !value(d, form, depth, name, told) {
			return false
		}
	}
	_, err := d.Token()
	return err == nil
}

func value(d *json.Decoder, form Form, depth int, name string, told Field) bool {
	token, err := d.Token()
	if err != nil {
		return false
	}
	text := ""
	switch v := token.(type) {
	case json.Delim:
		if depth == maxDepth {
			return false
		}
		if form == Envelope {
			told = nil
		}
		if v == '{' {
			return object(d, form, depth+1, name, told)
		}
		for d.More() {
			if !value(d, form, depth+1, name, told) {
				return false
			}
		}
		_, err := d.Token()
		return err == nil
	case string:
		text = v
	case json.Number:
		text = v.String()
	case bool:
		text = strconv.FormatBool(v)
	}
	if told != nil {
		told([]byte(name), []byte(text))
	}
	return true
}
