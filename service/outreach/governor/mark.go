package governor

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mark is one message that was let out.
type mark struct {
	at      int64 // milliseconds
	ref     int64
	channel string
	topic   string
	content uint64 // of the hash, the first bytes; 0: not compared
}

// base of the numbers in a book: short, and still text that a person can read and SQL can join.
const base = 36

// mostMarks bounds a book.
const mostMarks = 1000

// readMarks reads a book. A line that can't be read is one that nobody counts on.
func readMarks(text string) []mark {
	if text == "" {
		return nil
	}
	out := make([]mark, 0, strings.Count(text, "\n")+2)
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if m, ok := readMark(line); ok {
			out = append(out, m)
		}
	}
	// A merge of customers writes one book behind the other.
	if !slices.IsSortedFunc(out, byTime) {
		slices.SortStableFunc(out, byTime)
	}
	return out
}

func byTime(a, b mark) int {
	switch {
	case a.at < b.at:
		return -1
	case a.at > b.at:
		return 1
	}
	return 0
}

func readMark(line string) (m mark, ok bool) {
	var text [5]string
	for i := range text {
		text[i], line, _ = strings.Cut(line, " ")
	}
	var e1, e2, e3 error
	m.at, e1 = strconv.ParseInt(text[0], base, 64)
	m.ref, e2 = strconv.ParseInt(text[1], base, 64)
	m.channel, m.topic = text[2], text[3]
	if text[4] != "" {
		m.content, e3 = strconv.ParseUint(text[4], base, 64)
	}
	return m, e1 == nil && e2 == nil && e3 == nil
}

// writeMarks is a book without what is older than since.
func writeMarks(marks []mark, since time.Time) string {
	first, _ := slices.BinarySearchFunc(marks, since.UnixMilli(), func(m mark, at int64) int { return byTime(m, mark{at: at}) })
	first = max(first, len(marks)-mostMarks)
	b := make([]byte, 0, 48*(len(marks)-first))
	for i := first; i < len(marks); i++ {
		m := &marks[i]
		if len(b) > 0 {
			b = append(b, '\n')
		}
		b = strconv.AppendInt(b, m.at, base)
		b = append(b, ' ')
		b = strconv.AppendInt(b, m.ref, base)
		b = append(b, ' ')
		b = append(b, m.channel...)
		b = append(b, ' ')
		b = append(b, m.topic...)
		if m.content != 0 {
			b = append(b, ' ')
			b = strconv.AppendUint(b, m.content, base)
		}
	}
	return string(b)
}

// addMark puts a mark in its place in time; nearly always that is the end.
func addMark(marks []mark, m mark) []mark {
	i := len(marks)
	for i > 0 && marks[i-1].at > m.at {
		i--
	}
	return slices.Insert(marks, i, m)
}

// contentOf is what is kept of a hash.
func contentOf(hash [32]byte) uint64 { return binary.BigEndian.Uint64(hash[:8]) }
