// Package progress shows on a terminal how far something is that runs in stages.
package progress

import (
	"io"

	"github.com/schollz/progressbar/v3"
)

// Bar is one line that shows the present stage.
type Bar struct {
	title, stage string
	bar          *progressbar.ProgressBar
}

// New makes a bar with a title; nothing is shown before the first [Bar.Show].
func New(out io.Writer, title string) *Bar {
	return &Bar{title: title, bar: progressbar.NewOptions64(1,
		progressbar.OptionSetWriter(out), progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetRenderBlankState(false))}
}

// Show shows that done of total parts of a stage are done; a total of 0 is not known yet.
func (b *Bar) Show(stage string, done, total int64) error {
	if stage != b.stage {
		b.stage = stage
		b.bar.Reset()
		b.bar.Describe(b.title + " · " + stage)
	}
	b.bar.ChangeMax64(max(total, done, 1))
	return b.bar.Set64(done)
}
