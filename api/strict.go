package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"zhiyin/service/fault"
)

// maxDepth is how deep a body of strangers may be nested.
const maxDepth = 16

// strict is the middleware of faces that strangers call: it refuses bodies nested too deeply, and texts
// with signs that nobody types and that make text look like another. It stands behind legible.
func (s *Server) strict(ctx huma.Context, next func(huma.Context)) {
	c := humagin.Unwrap(ctx)
	if ctx.Operation().RequestBody == nil {
		next(ctx)
		return
	}
	body, err := io.ReadAll(c.Request.Body) // from memory: legible has read it
	if err != nil {
		writeProblem(c, plainProblem(c, http.StatusBadRequest))
		return
	}
	if reason := odd(body); reason != "" {
		p := plainProblem(c, http.StatusUnprocessableEntity)
		p.Fields = []fault.Field{{Name: "body", Reason: reason}}
		writeProblem(c, p)
		return
	}
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
	next(ctx)
}

// odd says why a body is refused; empty when it may pass, also when it is no JSON, which others say.
func odd(body []byte) string {
	d, depth := json.NewDecoder(bytes.NewReader(body)), 0
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return ""
		}
		switch t := token.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				depth++
			} else {
				depth--
			}
			if depth > maxDepth {
				return fmt.Sprintf("嵌套超过 %d 层 / nested more than %d deep", maxDepth, maxDepth)
			}
		case string:
			for _, r := range t {
				if isOdd(r) {
					return "含有控制字符 / a text holds control characters"
				}
			}
		}
	}
}

// isOdd: control signs but those of lines, signs that turn the direction of text, and what is no text.
func isOdd(r rune) bool {
	switch {
	case r == '\n', r == '\r', r == '\t':
		return false
	case r == '\u2028', r == '\u2029', r == '\ufeff', r == unicode.ReplacementChar:
		return true
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Noncharacter_Code_Point, r)
}
