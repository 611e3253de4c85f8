package segment

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// The kinds of segments. Names are data.
const (
	Dynamic = "dynamic" // follows its rule
	Frozen  = "frozen"  // who was in another one, once
	List    = "list"    // named one by one
)

// What can go wrong for the caller.
var (
	ErrNotFound  = fault.New(fault.NotFound, "segment.not_found", "没有这个人群", "No such segment")
	ErrCustomer  = fault.New(fault.NotFound, "segment.no_customer", "没有这个客户", "No such customer")
	ErrName      = fault.New(fault.Invalid, "segment.bad_name", "名称需为 1 到 64 个字，说明不超过 255 个字", "A name has 1 to 64 characters, a note at most 255")
	ErrKind      = fault.New(fault.Conflict, "segment.wrong_kind", "这类人群不支持此操作", "This kind of segment does not take that")
	ErrChanged   = fault.New(fault.Conflict, "segment.changed", "人群已被他人修改，请刷新后重试", "Somebody has changed the segment; look again first")
	ErrCycle     = fault.New(fault.Invalid, "segment.cycle", "人群不能直接或间接引用自己", "A segment can't ask about itself, not by way of others either")
	ErrInUse     = fault.New(fault.Conflict, "segment.in_use", "其他人群引用了它，不能删除", "Other segments ask about it, so it stays")
	ErrReference = fault.New(fault.Invalid, "segment.no_such_segment", "规则引用的人群不存在", "The rule asks about a segment that does not exist")
	ErrSlow      = fault.New(fault.Unavailable, "segment.too_slow", "规则太慢，未能在时限内得到结果", "The rule is too slow to answer in time")
	ErrOvertaken = fault.New(fault.Conflict, "segment.overtaken", "已有更新的估算，本次取消", "A newer estimate of the same session has begun")
)

// Staff is what this package asks about who may see whom.
type Staff interface {
	VisibleStaff(ctx context.Context, v *staff.Viewer) (all bool, staffIDs []int64, err error)
}

// EstimateTime is how long an estimate counts before it goes over to a sample, so that people see a number while
// they type.
const EstimateTime = 200 * time.Millisecond

// Deps is what a Service needs.
type Deps struct {
	DB *gorm.DB
	// Estimates is a pool of its own with few connections and a short time limit per statement, so that people who
	// try rules can't keep others waiting; nil: DB.
	Estimates *gorm.DB
	Events    *event.Log
	Queue     *work.Queue
	Now       clock.Clock
	Zone      *time.Location
	Staff     Staff
	Logger    *slog.Logger
	// Audience answers estimates when it can; nil: SQL alone does.
	Audience Audience
	// Builds is how many full builds may run side by side in this process; 0: 1.
	Builds int
	// EstimateTime is how long an estimate may count before it goes over to a sample; 0: [EstimateTime].
	EstimateTime time.Duration
	// SlowBuild is from when on a rule is called slow; 0: 5 s.
	SlowBuild time.Duration
}

// Service owns segments. Safe for concurrent use.
type Service struct {
	Deps
	building chan struct{} // a place for each build that may run
	sessions sessions

	mu     sync.Mutex
	rules  map[int64]*live // by segment, as of a version
	words  *Vocabulary
	wordAt time.Time
	total  int64
	first  int64 // the first and the last customer, as of totalAt
	last   int64

	totalAt time.Time
	// pace is how many customers the next chunk of a build takes.
	pace paceOf
}

// New puts the capability together and registers its works.
func New(d Deps) *Service {
	if d.Estimates == nil {
		d.Estimates = d.DB
	}
	d.Builds = max(d.Builds, 1)
	if d.EstimateTime == 0 {
		d.EstimateTime = EstimateTime
	}
	if d.SlowBuild == 0 {
		d.SlowBuild = 5 * time.Second
	}
	s := &Service{Deps: d, building: make(chan struct{}, d.Builds), rules: map[int64]*live{}, pace: paceOf{n: firstChunk}}
	work.Handle(d.Queue, workBuild, buildPolicy, s.build)
	return s
}

// live is a segment's rule, ready to be asked.
type live struct {
	segment model.Segment
	rule    *Rule
	facts   map[string]bool // kinds after which a customer is asked about again
	refers  []int64         // segments that the rule asks about
}

// wordsLife is how long custom fields and trees are kept in memory.
const wordsLife = 10 * time.Second

// Vocabulary gives what rules may name, at most ten seconds old.
func (s *Service) Vocabulary(ctx context.Context) (*Vocabulary, error) {
	return s.vocabulary(s.DB.WithContext(ctx), false)
}

func (s *Service) vocabulary(tx *gorm.DB, fresh bool) (*Vocabulary, error) {
	now := s.Now()
	s.mu.Lock()
	words, at := s.words, s.wordAt
	s.mu.Unlock()
	if words != nil && !fresh && now.Sub(at) < wordsLife {
		return words, nil
	}
	words, err := LoadVocabulary(tx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.words, s.wordAt = words, now
	s.mu.Unlock()
	return words, nil
}

// Decode reads a rule, ids in it as refs gives them.
func (s *Service) Decode(ctx context.Context, raw []byte, refs Refs) (*Rule, error) {
	return s.decode(s.DB.WithContext(ctx), raw, refs)
}

// decode tries what is in memory first; a custom field may be newer than that.
func (s *Service) decode(tx *gorm.DB, raw []byte, refs Refs) (*Rule, error) {
	words, err := s.vocabulary(tx, false)
	if err != nil {
		return nil, err
	}
	r, err := Decode(raw, refs, words)
	if err == nil {
		return r, nil
	}
	if words, err = s.vocabulary(tx, true); err != nil {
		return nil, err
	}
	return Decode(raw, refs, words)
}

// liveOf gives the rule of a dynamic segment's row.
func (s *Service) liveOf(tx *gorm.DB, row *model.Segment) (*live, error) {
	s.mu.Lock()
	l := s.rules[row.ID]
	s.mu.Unlock()
	if l != nil && l.segment.Version == row.Version {
		return &live{*row, l.rule, l.facts, l.refers}, nil
	}
	r, err := s.decode(tx, []byte(row.Rule), rowIDs{})
	if err != nil {
		return nil, err
	}
	l = &live{*row, r, factsOf(r), r.segments()}
	s.mu.Lock()
	s.rules[row.ID] = l
	s.mu.Unlock()
	return l, nil
}

// env is what a rule means at a time.
func (s *Service) env(tx *gorm.DB, minors bool, now time.Time) (*Env, error) {
	words, err := s.vocabulary(tx, false)
	return &Env{Now: now, Zone: s.Zone, Known: words, Minors: minors, SQLite: model.IsSQLite(tx)}, err
}

// aboutEverybody are the facts after which a customer may be in any segment: there is somebody new, somebody is not
// who it was, or its age is another one.
var aboutEverybody = []string{
	event.KindCustomerAdded, event.KindCustomerHalfAdded, event.KindCustomerIdentified, event.KindCustomerMerged, event.KindCustomerSplit,
	"customer.created", "customer.profile_changed",
}

// factsOf names the facts after which a customer's answer may be another one.
func factsOf(r *Rule) map[string]bool {
	facts := map[string]bool{}
	for _, kind := range aboutEverybody {
		facts[kind] = true
	}
	r.Each(func(_ string, c *Condition) {
		f, about := fieldOf(c.Field)
		if f == nil {
			return
		}
		for _, kind := range f.Facts {
			facts[kind] = true
		}
		if f.Type == Happening {
			facts[about] = true
		}
	})
	return facts
}

// segments lists the segments that a rule asks about.
func (r *Rule) segments() (ids []int64) {
	r.Each(func(_ string, c *Condition) {
		if f, _ := fieldOf(c.Field); f != nil && f.Ref == model.KindSegment {
			for _, v := range c.Values {
				ids = append(ids, v.Number)
			}
		}
	})
	return ids
}
