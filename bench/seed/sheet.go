package seed

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
)

const patience = 30 * time.Minute

// sheet collects rows as text, as LOAD DATA or as an INSERT takes them, and hands them on by the piece. Texts are
// this package's own and hold nothing that would have to be escaped.
type sheet struct {
	buf     []byte
	literal bool // for an INSERT
	sqlite  bool
	limit   int // bytes in a piece
	begun   bool
	pending int64
	flush   func([]byte) error
	err     error
	done    *atomic.Int64
}

// field begins the next value of the row.
func (s *sheet) field() {
	switch {
	case s.begun && s.literal:
		s.buf = append(s.buf, ',')
	case s.begun:
		s.buf = append(s.buf, '\t')
	case s.literal:
		s.buf = append(s.buf, '(')
	}
	s.begun = true
}

func (s *sheet) int(values ...int64) {
	for _, v := range values {
		s.field()
		s.buf = strconv.AppendInt(s.buf, v, 10)
	}
}

func (s *sheet) text(values ...string) {
	for _, v := range values {
		s.field()
		if s.literal {
			s.buf = append(s.buf, '\'')
		}
		s.buf = append(s.buf, v...)
		if s.literal {
			s.buf = append(s.buf, '\'')
		}
	}
}

// key writes letters and digits into a column of bytes.
func (s *sheet) key(v string) {
	if !s.literal {
		s.text(v)
		return
	}
	s.field()
	s.buf = fmt.Appendf(s.buf, "X'%x'", v)
}

func (s *sheet) bool(v bool) {
	if v {
		s.int(1)
		return
	}
	s.int(0)
}

// time writes ms since 1970; 0 is NULL. It has the form in which each driver writes it.
func (s *sheet) time(values ...int64) {
	for _, ms := range values {
		if ms == 0 {
			s.null()
			continue
		}
		s.field()
		at := time.UnixMilli(ms).UTC()
		switch {
		case s.sqlite:
			s.buf = at.AppendFormat(s.buf, "'2006-01-02 15:04:05.999999999-07:00'")
		case s.literal:
			s.buf = at.AppendFormat(s.buf, "'2006-01-02 15:04:05.000'")
		default:
			s.buf = at.AppendFormat(s.buf, "2006-01-02 15:04:05.000")
		}
	}
}

func (s *sheet) null() {
	s.field()
	if s.literal {
		s.buf = append(s.buf, "NULL"...)
		return
	}
	s.buf = append(s.buf, `\N`...)
}

// end ends the row.
func (s *sheet) end() {
	if s.literal {
		s.buf = append(s.buf, "),"...)
	} else {
		s.buf = append(s.buf, '\n')
	}
	s.begun = false
	s.pending++
	if len(s.buf) >= s.limit {
		s.hand()
	}
}

func (s *sheet) hand() {
	if len(s.buf) > 0 && s.err == nil {
		s.err = s.flush(s.buf)
		s.done.Add(s.pending)
	}
	s.buf, s.pending = s.buf[:0], 0
}

// failed tells a writer that going on is of no use.
func (s *sheet) failed() bool { return s.err != nil }

func (s *sheet) close() error {
	s.hand()
	return s.err
}
