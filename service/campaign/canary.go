package campaign

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
)

// few is what became of those who were tried first.
type few struct {
	left, failed, waiting int64
	gone                  int64 // left us, or refused further messages, since
}

// bad says, for people, why the others had better get nothing; empty: go on.
func (c *Canary) bad(f few) string {
	tried := f.left + f.failed
	switch {
	case tried == 0:
		return ""
	case f.failed*everything > int64(c.FailBP)*tried:
		return fmt.Sprintf("试发 %d 条中有 %d 条失败 (of %d tried, %d failed)", tried, f.failed, tried, f.failed)
	case f.gone*everything > int64(c.OptOutBP)*tried:
		return fmt.Sprintf("试发 %d 条后有 %d 人退订或流失 (of %d tried, %d left or refused)", tried, f.gone, tried, f.gone)
	}
	return ""
}

// leastTried is how many have to be tried before a run is halted ahead of its time: one failure of one is no rate.
const leastTried = 20

// judge looks at the few: halts the run when they went badly, and goes on when their time is over. Where nothing has left
// by then (staff who have to confirm take their time) it waits on, up to four times as long.
func (s *Service) judge(ctx context.Context, c *Campaign, run *model.CampaignRun) (wait time.Duration, err error) {
	f, err := s.fewOf(ctx, run)
	if err != nil {
		return 0, err
	}
	canary, now := c.Definition.Canary, s.Now()
	late := run.CanaryAt.Add(3 * time.Duration(canary.Minutes) * time.Minute)
	reason := canary.bad(f)
	switch {
	case reason != "" && (f.left+f.failed >= leastTried || !now.Before(*run.CanaryAt)):
		return 0, s.halt(ctx, run, reason)
	case now.Before(*run.CanaryAt):
		return min(canaryLook, run.CanaryAt.Sub(now)), nil
	case f.left+f.failed == 0 && f.waiting > 0 && now.Before(late):
		return canaryLook, nil
	case f.left+f.failed == 0 && f.waiting > 0:
		return 0, s.halt(ctx, run, "试发的消息还没有发出 (none of the few has left yet)")
	}
	return 0, s.moveRun(ctx, run, func(_ *gorm.DB, run *model.CampaignRun) error {
		run.State = RunPlanning
		s.launched(c, run)
		return nil
	})
}

// halt stops a run before the rest. A person lets it go on, or stops it.
func (s *Service) halt(ctx context.Context, run *model.CampaignRun, reason string) error {
	s.Logger.WarnContext(ctx, "campaign halted after its canary", "campaign_id", run.CampaignID, "run_id", run.ID)
	return s.moveRun(ctx, run, func(_ *gorm.DB, run *model.CampaignRun) error {
		run.State, run.Reason = RunHalted, cut(reason, 255)
		return nil
	})
}

func (s *Service) fewOf(ctx context.Context, run *model.CampaignRun) (f few, err error) {
	totals, err := s.totals(ctx, run)
	if err != nil {
		return f, err
	}
	for _, states := range totals {
		for state, n := range states {
			switch {
			case state.Left():
				f.left += n
			case state == outreach.Failed:
				f.failed += n
			case !state.Over():
				f.waiting += n
			}
		}
	}
	f.gone, err = goneSince(s.DB.WithContext(ctx), run.ID, *run.FrozenAt)
	return f, err
}

// waiting counts the messages of a run that may still leave.
func (s *Service) waiting(ctx context.Context, run *model.CampaignRun) (n int64, err error) {
	totals, err := s.totals(ctx, run)
	for _, states := range totals {
		for state, k := range states {
			if !state.Left() && !state.Over() {
				n += k
			}
		}
	}
	return n, err
}
