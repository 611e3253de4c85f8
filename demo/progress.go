package demo

import (
	"fmt"
	"io"
	"strings"
)

// progress is a bar on one line of the terminal.
type progress struct {
	out   io.Writer
	title string
}

func newProgress(out io.Writer, title string) *progress { return &progress{out, title} }

const barWidth = 30

func (p *progress) show(stage string, done, total int64) {
	filled := 0
	if total > 0 {
		filled = int(min(done, total) * barWidth / total)
	}
	fmt.Fprintf(p.out, "\r%s [%s%s] %-12s %d/%d ", p.title, strings.Repeat("█", filled), strings.Repeat("░", barWidth-filled), stage, done, total)
}

func (p *progress) end(line string) {
	fmt.Fprintf(p.out, "\r%s %s%s\n", p.title, line, strings.Repeat(" ", barWidth))
}
