// Package journey 旅程 owns automations: what starts one, the steps that a customer goes through, and the goal. Definitions
// are graphs of a closed vocabulary, kept in versions that never change. One engine moves customers through them, for real
// and in rehearsals: what a step decides is a plain function of what is known, and what it does goes through [world].
package journey

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/coupon"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/loyalty"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/profile"
	"zhiyin/service/segment"
	"zhiyin/service/staff"
	"zhiyin/service/tag"
	"zhiyin/service/work"
)

// What can go wrong for the caller.
var (
	ErrNotFound   = fault.New(fault.NotFound, "journey.not_found", "没有这个旅程", "No such journey")
	ErrVersion    = fault.New(fault.NotFound, "journey.no_version", "旅程没有这个版本", "The journey has no such version")
	ErrEnrolment  = fault.New(fault.NotFound, "journey.no_enrolment", "没有这条旅程记录", "No such enrolment")
	ErrRehearsal  = fault.New(fault.NotFound, "journey.no_rehearsal", "没有这次预演", "No such rehearsal")
	ErrCustomer   = fault.New(fault.NotFound, "journey.no_customer", "没有这个客户", "No such customer")
	ErrTemplate   = fault.New(fault.NotFound, "journey.no_template", "没有这个模板", "No such template")
	ErrName       = fault.New(fault.Invalid, "journey.bad_name", "名称需为 1 到 64 个字，说明不超过 255 个字", "A name has 1 to 64 characters, a note at most 255")
	ErrDefinition = fault.New(fault.Invalid, "journey.bad_definition", "旅程定义有误", "There is a mistake in the definition")
	ErrMap        = fault.New(fault.Invalid, "journey.bad_map", "迁移对照有误", "There is a mistake in the map of nodes")
	ErrChanged    = fault.New(fault.Conflict, "journey.changed", "旅程已被他人修改，请刷新后重试", "Somebody has changed the journey; look again first")
	ErrState      = fault.New(fault.Conflict, "journey.wrong_state", "旅程当前状态不支持此操作", "The journey's state does not allow that")
	ErrNotStuck   = fault.New(fault.Conflict, "journey.not_stuck", "这条旅程记录没有卡住", "The enrolment is not stuck")
	ErrEnded      = fault.New(fault.Conflict, "journey.enrolment_ended", "这条旅程记录已结束", "The enrolment has ended")
	ErrValues     = fault.New(fault.Invalid, "journey.too_many_values", "附带的变量合计最多 1000 字节", "The values are more than 1000 bytes together")
	ErrNotOpen    = fault.New(fault.Conflict, "journey.not_open", "旅程没有运行，或不由接口触发", "The journey does not run, or is not started this way")
)

// The states of a journey. Names are data.
const (
	Draft    = "draft"
	Active   = "active"
	Paused   = "paused"   // nobody enters, nobody goes on
	Draining = "draining" // nobody enters, those who are in go on
	Stopped  = "stopped"  // nobody enters, those who were in have left
)

// The states of an enrolment. Names are data.
const (
	Running = "active"
	Ended   = "ended"
	Held    = "held"  // in the hold-out: goes through nothing, so that there is something to compare with
	Stuck   = "stuck" // its step fails for ever; somebody has to decide
)

// Why enrolments end. Names are data.
const (
	ReasonCompleted  = "completed"
	ReasonGoal       = "goal"
	ReasonExit       = "exit" // an exit rule, with its number: exit:2
	ReasonStopped    = "stopped"
	ReasonUnfollowed = "unfollowed"
	ReasonMerged     = "merged"
	ReasonErased     = "erased"
	ReasonByHand     = "by_hand"
)

// Messages plans what shall be sent, and hears what it came to: the delivery ledger.
type Messages interface {
	PlanTx(tx *gorm.DB, in []outreach.Intent) (planned int, err error)
	ConvertTx(tx *gorm.DB, source string, sourceID int64, reached []outreach.Reached) (converted int, err error)
}

// Tags is what this package asks of tags.
type Tags interface {
	GiveTx(tx *gorm.DB, in tag.Giving) (*tag.Given, error)
}

// Profiles writes custom fields.
type Profiles interface {
	Checked(tx *gorm.DB, in profile.Edit) (profile.Edit, error)
	EditTx(tx *gorm.DB, customerID int64, in profile.Edit, by profile.By) (changed bool, err error)
}

// Tasks asks staff for something.
type Tasks interface {
	AddTaskTx(tx *gorm.DB, in staff.TaskInput) error
}

// Governor says whom one may ask staff to speak to; *governor.Governor is one.
type Governor interface {
	RuleTx(tx *gorm.DB, asks []governor.Ask) ([]governor.Ruling, error)
}

// Channels finds channels by their name.
type Channels interface {
	Channel(name string) (outreach.Channel, bool)
}

// Contents knows what messages say; *message.Service does.
type Contents interface {
	// HashesTx gives a hash of each message's content by its row.
	HashesTx(tx *gorm.DB, messageIDs []int64) (map[int64][32]byte, error)
	// Personal tells whether a message reads differently for each customer.
	Personal(ctx context.Context, messageID int64) (bool, error)
}

// Customers tells whom somebody may see.
type Customers interface {
	Visible(ctx context.Context, v *staff.Viewer, customerIDs []int64) ([]int64, error)
}

// Coupons gives coupons.
type Coupons interface {
	IssueTx(tx *gorm.DB, in coupon.IssueInput) (*model.Coupon, error)
}

// Points gives points.
type Points interface {
	EarnTx(tx *gorm.DB, in loyalty.Earning) (*model.PointsEntry, error)
}

// Deps is what a Service needs.
type Deps struct {
	DB        *gorm.DB
	Events    *event.Log
	Queue     *work.Queue
	Now       clock.Clock
	Zone      *time.Location
	Customers Customers
	Messages  Messages
	Tags      Tags
	Profiles  Profiles
	Tasks     Tasks
	Governor  Governor // nil: staff may be asked to speak to anybody
	Coupons   Coupons  // nil: there is no step that gives coupons
	Points    Points   // nil: there is no step that gives points
	Logger    *slog.Logger
	// Channels knows what channels are like, for rehearsals; nil: nothing is known of them.
	Channels Channels
	// Contents knows what messages say, for rehearsals; nil: they do not know what would be said twice.
	Contents Contents
	// Forecast makes what a rehearsal asks in the governor's place, one for each part of the customers; nil: nothing is held
	// back, and the result says so.
	Forecast func(ctx context.Context) (Forecast, error)
	// Poll is how long the engine sleeps at most, for what other replicas leave behind; 0: 5 s.
	Poll time.Duration
}

// Service owns journeys. Safe for concurrent use.
type Service struct {
	Deps
	wake chan struct{}

	mu      sync.Mutex
	plans   map[planKey]*Definition // never change
	words   *segment.Vocabulary
	wordsAt time.Time
}

type planKey struct {
	journey int64
	version int
}

// New puts the capability together and registers its works.
func New(d Deps) *Service {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Poll == 0 {
		d.Poll = 5 * time.Second
	}
	s := &Service{Deps: d, wake: make(chan struct{}, 1), plans: map[planKey]*Definition{}}
	work.Handle(d.Queue, workEnrol, work.Policy{}, s.enrolPage)
	work.Handle(d.Queue, workStop, work.Policy{}, s.stopPage)
	work.Handle(d.Queue, workMigrate, work.Policy{}, s.migratePage)
	work.Handle(d.Queue, workRehearse, work.Policy{Timeout: time.Hour}, s.rehearseWork)
	return s
}

// poke wakes the engine of this process.
func (s *Service) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// wordsLife is how long custom fields and trees are kept in memory.
const wordsLife = 10 * time.Second

// vocabulary gives what conditions may name, at most ten seconds old.
func (s *Service) vocabulary(tx *gorm.DB, fresh bool) (*segment.Vocabulary, error) {
	now := s.Now()
	s.mu.Lock()
	words, at := s.words, s.wordsAt
	s.mu.Unlock()
	if words != nil && !fresh && now.Sub(at).Abs() < wordsLife {
		return words, nil
	}
	words, err := segment.LoadVocabulary(tx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.words, s.wordsAt = words, now
	s.mu.Unlock()
	return words, nil
}

// plan gives a version's definition. It is read once, and again as long as something in it can't be read.
func (s *Service) plan(tx *gorm.DB, journey int64, version int) (*Definition, error) {
	key := planKey{journey, version}
	s.mu.Lock()
	d := s.plans[key]
	s.mu.Unlock()
	if d != nil {
		return d, nil
	}
	row, err := versionOf(tx, journey, version)
	if err != nil {
		return nil, err
	}
	d, err = s.readTx(tx, []byte(row.Definition), segment.RowIDs)
	if err != nil {
		return nil, err
	}
	if len(d.problems) == 0 {
		s.mu.Lock()
		s.plans[key] = d
		s.mu.Unlock()
	}
	return d, nil
}

// Read reads a definition, ids in it as refs gives them. It fails with ErrDefinition where it can't be read at all; what is
// wrong with parts of it, [Service.Check] tells.
func (s *Service) Read(ctx context.Context, raw []byte, refs segment.Refs) (*Definition, error) {
	db := s.DB.WithContext(ctx)
	if _, err := s.vocabulary(db, true); err != nil {
		return nil, err
	}
	return s.readTx(db, raw, refs)
}

func (s *Service) readTx(tx *gorm.DB, raw []byte, refs segment.Refs) (*Definition, error) {
	words, err := s.vocabulary(tx, false)
	if err != nil {
		return nil, err
	}
	kinds, err := s.kinds(tx.Statement.Context)
	if err != nil {
		return nil, err
	}
	return read(raw, refs, words, kinds)
}

// kinds gives the kinds of events by name.
func (s *Service) kinds(ctx context.Context) (map[string]event.Kind, error) {
	list, err := s.Events.Kinds(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]event.Kind, len(list))
	for _, k := range list {
		out[k.Name] = k
	}
	return out, nil
}

// refKinds are the kinds of rows that definitions name, and the tables that hold them.
var refKinds = map[model.Kind]string{
	model.KindSegment: "segment", model.KindTag: "tag", model.KindStaff: "staff", model.KindAccount: "account", model.KindJourney: "journey",
	model.KindChannelCode: "channel_code", model.KindGroup: "customer_group", model.KindCouponBatch: "coupon_batch",
	model.KindMessageVersion: "message_version",
}
