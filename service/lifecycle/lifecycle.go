// Package lifecycle knows where every customer stands: their stage, from first contact to loyalty and away; RFM; a value
// that looks beyond purchases; risk; and what is expected of them, by the models of package clv. All of it is computed anew
// every night, and for one customer when something happened to them. Both ways are the same computation, from the rows of
// the moment, behind a lock of the customer's row, so neither can undo what the other saw.
package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// What can go wrong for the caller.
var (
	ErrSetting     = fault.New(fault.Invalid, "lifecycle.bad_setting", "生命周期设置无效", "These lifecycle settings can't be used")
	ErrStale       = fault.New(fault.Conflict, "lifecycle.changed_meanwhile", "设置已被他人修改，请刷新后重试", "The settings were changed meanwhile; read them again")
	ErrRange       = fault.New(fault.Invalid, "lifecycle.bad_range", "日期范围无效，最多 400 天", "This range of days can't be used; at most 400 days")
	ErrNotProfiled = fault.New(fault.NotFound, "lifecycle.not_profiled", "该客户不参与画像", "This customer is not profiled")
	ErrRunning     = fault.New(fault.Conflict, "lifecycle.running", "正在重新计算", "A computation is running already")
	ErrRunNotFound = fault.New(fault.NotFound, "lifecycle.run_not_found", "没有这次计算", "No such computation")
	ErrRunOver     = fault.New(fault.Conflict, "lifecycle.run_over", "这次计算已结束", "The computation has ended")
)

// Customers is what this package needs of the customer capability.
type Customers interface {
	// Detail gives a customer whom the viewer may see, or fails.
	Detail(ctx context.Context, v *staff.Viewer, id int64) (*customer.Detail, error)
}

// Deps is what the capability is made of.
type Deps struct {
	DB        *gorm.DB
	Events    *event.Log
	Queue     *work.Queue
	Now       clock.Clock
	Zone      *time.Location // of the business: its days
	Customers Customers
	Logger    *slog.Logger
}

// Service computes and tells. Safe for concurrent use.
type Service struct {
	db        *gorm.DB
	events    *event.Log
	queue     *work.Queue
	now       clock.Clock
	zone      *time.Location
	customers Customers
	log       *slog.Logger

	chunk  int // customers in one transaction
	sample int // buyers that the models are fitted to
}

// New puts the capability together and registers its work.
func New(d Deps) *Service {
	s := &Service{
		db: d.DB, events: d.Events, queue: d.Queue, now: d.Now, zone: d.Zone, customers: d.Customers, log: d.Logger,
		chunk: 500, sample: 200_000,
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	work.Handle(d.Queue, workRun, runPolicy, s.run)
	return s
}

// Kinds are the facts after which a customer's standing is computed anew; see OnEvents. What people look at in the
// mini-program waits for the night: stages that follow from it are about weeks.
var Kinds = []string{
	event.KindCustomerAdded, event.KindCustomerHalfAdded, event.KindCustomerDeletedByStaff, event.KindCustomerLeft,
	event.KindOrderPaid, event.KindOrderRefunded, event.KindOrderCancelled, event.KindCustomerMerged, event.KindCustomerSplit,
}

// OnEvents computes where the customers stand to whom something happened; of a merge, both. It is for [event.Log.Feed]:
// many orders of a moment cost a handful of statements, and it bears repeating.
func (s *Service) OnEvents(tx *gorm.DB, batch []model.Event) error {
	var ids []int64
	for _, e := range batch {
		var payload struct {
			OtherID int64 `json:"other_id"`
		}
		if err := json.Unmarshal([]byte(e.Payload), &payload); err != nil {
			return fmt.Errorf("read the fact %d: %w", e.ID, err)
		}
		for _, id := range []int64{e.CustomerID, payload.OtherID} {
			if id != 0 {
				ids = append(ids, id)
			}
		}
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for part := range slices.Chunk(ids, s.chunk) {
		if err := s.recomputeTx(tx, part, causeEvent); err != nil {
			return err
		}
	}
	return nil
}

// frame is what one computation goes by: settings, boundaries and model, and the moment.
type frame struct {
	*Setting
	basis *Basis
	now   time.Time
	zone  *time.Location
	today int
}

func (s *Service) frame(tx *gorm.DB) (*frame, error) {
	setting, err := loadSetting(tx)
	if err != nil {
		return nil, err
	}
	basis, err := latestBasis(tx)
	if err != nil {
		return nil, err
	}
	return s.frameOf(setting, basis), nil
}

func (s *Service) frameOf(setting *Setting, basis *Basis) *frame {
	now := s.now()
	return &frame{setting, basis, now, s.zone, dayOf(now, s.zone)}
}

// boundaries are those of the last night. Before the first, and when operators set them, they are the thresholds; their
// window is always that of the setting by which they were found.
func (f *frame) boundaries() Boundaries {
	if f.RFM.Mode == Quintiles && f.basis != nil && f.basis.RFM.Mode == Quintiles {
		return f.basis.RFM
	}
	return Boundaries{Mode: Thresholds, WindowDays: f.RFM.WindowDays, Recency: f.RFM.Recency, Frequency: f.RFM.Frequency, Monetary: f.RFM.Monetary}
}

// standing is the outcome of a computation for one person.
type standing struct {
	row     model.CustomerLifecycle
	stage   Stage
	changed bool // the stage
	p       *person
}

// assess computes where a person stands. It is a plain function of what is known: the same again gives the same.
func (f *frame) assess(p *person) standing {
	before := p.before
	if before == nil {
		before = &model.CustomerLifecycle{CustomerID: p.id}
	}
	row := *before
	p.alive, p.expected = f.basis.predict(p)
	p.score, row.ValueGrade, _ = f.Value.score(p)
	stage := decide(f.Stages, p, dayOf(before.StageSince, f.zone))
	rfm, _, _, _ := f.boundaries().score(p)
	risk, grade, _ := f.Risk.score(p)
	row.Recency, row.Frequency, row.Monetary = rfm.Recency, rfm.Frequency, rfm.Monetary
	row.ValueScore, row.RiskScore, row.RiskGrade = p.score, int(risk), grade
	row.AliveBP, row.ExpectedFen = p.alive, model.Fen(p.expected)
	out := standing{row: row, stage: stage, p: p, changed: stage.Name != before.Stage}
	if out.changed {
		since := f.now
		if since.Before(before.StageSince) { // who began earlier has waited for the row, and history goes on
			since = before.StageSince
		}
		out.row.Stage, out.row.StageSince = stage.Name, since
		out.row.StageChanges++
		if stage.Lapse && !f.lapse(before.Stage) {
			out.row.LapsedAt = &since
		}
	}
	return out
}

// lapse tells whether a stage is one of leaving.
func (f *frame) lapse(name string) bool {
	for _, s := range f.Stages {
		if s.Name == name {
			return s.Lapse
		}
	}
	return false
}
