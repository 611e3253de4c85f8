package transfer

import (
	"bytes"
	"context"
	"encoding/json"

	"zhiyin/service/fault"
	"zhiyin/service/staff"
)

// ErrFilter is what a filter gets that can't be read.
var ErrFilter = fault.New(fault.Invalid, "transfer.bad_filter", "筛选条件无法识别", "the filter can't be read")

// Viewers knows what staff may see at the moment at which something is done in their name.
type Viewers interface {
	ViewerNow(ctx context.Context, staffID int64) (*staff.Viewer, error)
}

// readFilter reads a filter strictly: what it doesn't know would select more than was meant.
func readFilter[F any](raw []byte) (f F, err error) {
	if len(raw) == 0 {
		return f, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil || d.More() {
		return f, ErrFilter
	}
	return f, nil
}
