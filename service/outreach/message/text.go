package message

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Piece is a stretch of a text: as it stands, or a variable.
type Piece struct {
	Literal  string
	Variable string // its name; empty: Literal counts
	// Fallback stands for a value that is not known; written by the author after a bar.
	Fallback    string
	HasFallback bool
}

// Parse is Split for texts that are being written: braces that close nothing are a mistake too.
func Parse(text string, known func(name string) bool) ([]Piece, error) {
	pieces, err := Split(text, known)
	if slices.ContainsFunc(pieces, func(p Piece) bool { return strings.Contains(p.Literal, "}}") }) {
		return nil, ErrVariable.With("text", "}} without {{")
	}
	return pieces, err
}

// Split splits a text at its variables, {{name}} or {{name|fallback}}. A text is no program: between braces there is nothing but a name
// that known admits, and a fallback that holds no braces. It fails with ErrVariable.
func Split(text string, known func(name string) bool) ([]Piece, error) {
	var pieces []Piece
	for {
		before, rest, found := strings.Cut(text, "{{")
		if before != "" {
			pieces = append(pieces, Piece{Literal: before})
		}
		if !found {
			return pieces, nil
		}
		inner, after, closed := strings.Cut(rest, "}}")
		name, fallback, has := strings.Cut(inner, "|")
		name, fallback = strings.TrimSpace(name), strings.TrimSpace(fallback)
		if !closed || !known(name) || strings.ContainsAny(fallback, "{}|") {
			return nil, ErrVariable.With("text", "{{"+CutChars(inner, 32))
		}
		pieces = append(pieces, Piece{Variable: name, Fallback: fallback, HasFallback: has})
		text = after
	}
}

// Fill puts values into a text. A value means nothing but itself: braces in it are braces, and what steers a screen or a markup is taken
// out. missing names a variable that has neither value nor fallback.
func Fill(pieces []Piece, value func(name string) string) (text, missing string) {
	var b strings.Builder
	for i := range pieces {
		p := &pieces[i]
		if p.Variable == "" {
			b.WriteString(p.Literal)
			continue
		}
		v := Inert(value(p.Variable))
		switch {
		case v != "":
			b.WriteString(v)
		case p.HasFallback:
			b.WriteString(p.Fallback)
		default:
			return "", p.Variable
		}
	}
	return b.String(), ""
}

// Inert takes out of a value what would be more than text somewhere: line breaks, characters that turn or hide others, and the
// brackets of tags, which become those that look alike.
func Inert(v string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '<':
			return '＜'
		case r == '>':
			return '＞'
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200d' || r == utf8.RuneError: // the joiner makes emoji
			return -1
		}
		return r
	}, v)
}

// CutChars keeps at most n characters.
func CutChars(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n])
}
