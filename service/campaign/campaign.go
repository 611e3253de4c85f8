// Package campaign is pushes 活动: a message, or several to compare, to one audience, once or on a schedule. A run of a
// campaign freezes its audience, decides by a stable hash who gets which variant and who gets nothing, tries a few
// first, and hands what is intended to the ledger of deliveries; afterwards it says what the campaign earned.
package campaign

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/coupon"
	"zhiyin/service/event"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// Source is the name of campaigns in the ledger of deliveries.
const Source = "campaign"

// The states of campaigns. Names are data.
const (
	StateDraft     = "draft"     // being written
	StateAsked     = "asked"     // waits for a second person
	StateScheduled = "scheduled" // its first run is to come
	StateRunning   = "running"   // a run is under way, or more are to come
	StatePaused    = "paused"    // nothing leaves until somebody resumes it
	StateStopped   = "stopped"   // ended by a person
	StateDone      = "done"      // all its runs have ended
)

// The states of runs. Names are data.
const (
	RunFreezing = "freezing" // its audience is being written down
	RunCanary   = "canary"   // a few have been tried, the others wait for the verdict
	RunPlanning = "planning" // what is intended is being handed to the ledger
	RunSending  = "sending"  // all that is left to do is the ledger's
	RunHalted   = "halted"   // the canary went badly; a person decides
	RunStopped  = "stopped"
	RunDone     = "done"
	RunFailed   = "failed" // its audience can't be known
)

// Ledger is what this package asks of the ledger of deliveries.
type Ledger interface {
	PlanTx(tx *gorm.DB, in []outreach.Intent) (planned int, err error)
	PauseTx(tx *gorm.DB, source string, sourceID int64, reason string, by int64, until *time.Time) error
	ResumeTx(tx *gorm.DB, source string, sourceID int64) error
	PlanSet(ctx context.Context, set outreach.Set, told func(planned int64)) (planned int64, err error)
	Cancel(ctx context.Context, source string, sourceID int64) (n int64, err error)
	Convert(ctx context.Context, g outreach.Goal) (converted int, err error)
	Totals(ctx context.Context, source string, sourceID int64) ([]outreach.Total, error)
	Channel(name string) (outreach.Channel, bool)
	Waiting(ctx context.Context, channel string, accountID int64) (int64, error)
}

// Messages knows which versions of messages there are.
type Messages interface {
	// Usable fails when a version of a message does not exist, was not found fit to be sent, or can't be carried by a channel.
	Usable(ctx context.Context, versionID int64, channel string, kinds []message.Kind) error
	// Personal tells whether a version may read differently to each recipient.
	Personal(ctx context.Context, versionID int64) (bool, error)
}

// Deps is what a Service is made of; all of it is needed but where it says otherwise.
type Deps struct {
	DB       *gorm.DB
	Queue    *work.Queue
	Now      clock.Clock
	Zone     *time.Location
	Ledger   Ledger
	Messages Messages
	// TakeBack has the channels take back, at their platforms, what staff have been asked to send and have not.
	TakeBack func(ctx context.Context, source string, sourceID int64) error
	// Kinds lists the kinds of events there are.
	Kinds func(ctx context.Context) ([]event.Kind, error)
	// Coupons are what campaigns may give; nil: they give none.
	Coupons *coupon.Service
	// ApprovalAbove is from how many customers on a second person has to agree; 0: always.
	ApprovalAbove int64
	Logger        *slog.Logger
}

// Service owns campaigns and short links. Safe for concurrent use.
type Service struct{ Deps }

// The kinds of work done here. Names are data.
const (
	workRun   = "campaign.run"
	workCount = "campaign.count"
)

// New makes a Service and registers its works with the queue.
func New(d Deps) *Service {
	s := &Service{d}
	work.Handle(d.Queue, workBegin, work.Policy{}, func(ctx context.Context, _ *work.Lease, p beginRef) error { return s.begin(ctx, p.CampaignID) })
	work.Handle(d.Queue, workRun, work.Policy{Timeout: 5 * time.Minute}, s.goOn)
	work.Handle(d.Queue, workCount, work.Policy{Timeout: 30 * time.Minute}, s.count)
	return s
}

// Get gives a campaign with its variants, in their order. It fails with ErrNotFound.
func (s *Service) Get(ctx context.Context, id int64) (*Campaign, error) {
	return s.get(s.DB.WithContext(ctx), id)
}

func (s *Service) get(tx *gorm.DB, id int64) (*Campaign, error) {
	row, err := campaignByID(tx, id)
	if err != nil {
		return nil, err
	}
	variants, err := variantsOf(tx, id)
	if err != nil {
		return nil, err
	}
	c, err := read(row, variants)
	if err != nil {
		return nil, err
	}
	batches, err := batchesOf(tx, id)
	for i, v := range c.Definition.Variants {
		c.Definition.Variants[i].BatchID = batches[v.ID]
	}
	return c, err
}

// ListFilter selects campaigns, the newest first.
type ListFilter struct {
	State  string // empty: all
	Name   string // a part of it
	Before int64  // the cursor: only those with a smaller id
	Limit  int    // at most 200
}

// List gives a page of campaigns.
func (s *Service) List(ctx context.Context, f ListFilter) ([]model.Campaign, error) {
	return campaignsBefore(s.DB.WithContext(ctx), f)
}

// Runs gives a page of a campaign's runs, the newest first. It fails with ErrNotFound.
func (s *Service) Runs(ctx context.Context, id, before int64, limit int) ([]model.CampaignRun, error) {
	if _, err := campaignByID(s.DB.WithContext(ctx), id); err != nil {
		return nil, err
	}
	return runsBefore(s.DB.WithContext(ctx), id, before, limit)
}

// who is a staff member's row id; 0 stands for the house itself.
func who(v *staff.Viewer) int64 {
	if v == nil {
		return 0
	}
	return v.StaffID
}
