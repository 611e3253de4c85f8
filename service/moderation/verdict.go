package moderation

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// ErrNoTrace: nobody waits for a verdict under this trace; or its asker has not noted it yet.
var ErrNoTrace = fault.New(fault.NotFound, "moderation.no_trace", "没有等待该结果的内容", "nobody waits for this verdict")

// PictureVerdict is what the platform pushes about a picture.
type PictureVerdict struct {
	Trace   string
	Suggest string
	Label   int
	Code    int // not 0: the platform could not look at it
}

// PictureJudged notes the platform's verdict on a picture. What a person has decided stays, and so does what the customer has
// chosen since: the trace is then no longer that of the check. Repeatable. It fails with ErrNoTrace.
func (s *Service) PictureJudged(ctx context.Context, v PictureVerdict) error {
	found := foundBy(v.Suggest, v.Label)
	if v.Code != 0 {
		found = finding{state: Review, reason: ReasonUnasked}
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := checkByTrace(model.ForUpdate(tx), v.Trace)
		if err != nil {
			return fmt.Errorf("find the check of a trace: %w", err)
		}
		switch {
		case row == nil:
			return ErrNoTrace
		case row.State != Waiting:
			return nil
		}
		found.apply(row, s.Now())
		return save(tx, row)
	})
}
