// Package autotag 自动标签 owns the rules that tag customers by themselves: when they fit a condition, or when something
// happens. Whoever comes to fit is given the tags, once; whoever no longer fits loses them, where the rule says so. What a
// person has taken off is not given again until something new happens: the customer comes to fit anew, or the awaited
// thing happens again.
package autotag

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/fault"
	"zhiyin/service/segment"
	"zhiyin/service/tag"
	"zhiyin/service/work"
)

// What can go wrong for the caller.
var (
	ErrNotFound   = fault.New(fault.NotFound, "tag_rule.not_found", "没有这条自动标签规则", "No such automatic rule")
	ErrName       = fault.New(fault.Invalid, "tag_rule.bad_name", "名称需为 1 到 64 个字", "A name has 1 to 64 characters")
	ErrRule       = fault.New(fault.Invalid, "tag_rule.bad_rule", "规则有误", "There is a mistake in the rule")
	ErrChanged    = fault.New(fault.Conflict, "tag_rule.changed", "规则已被他人修改，请刷新后重试", "Somebody has changed the rule; look again first")
	ErrLoop       = fault.New(fault.Conflict, "tag_rule.loop", "规则会互相触发，形成循环", "Rules would set each other off in a circle")
	ErrSlow       = fault.New(fault.Unavailable, "tag_rule.too_slow", "预览太慢，请缩小条件", "The preview is too slow; ask for less")
	ErrNoSuchTags = fault.New(fault.Invalid, "tag_rule.no_such_tag", "规则要打的标签不存在", "The rule gives a tag that does not exist")
)

// Tags is what this package asks of tags.
type Tags interface {
	GiveTx(tx *gorm.DB, in tag.Giving) (*tag.Given, error)
	TakeBackTx(tx *gorm.DB, origin tag.Origin, customerIDs []int64) error
	GrantedByTx(tx *gorm.DB, origin tag.Origin, after int64, limit int) ([]int64, error)
}

// Deps is what a Service needs.
type Deps struct {
	DB     *gorm.DB
	Queue  *work.Queue
	Now    clock.Clock
	Zone   *time.Location
	Tags   Tags
	Logger *slog.Logger
}

// Service owns automatic rules. Safe for concurrent use.
type Service struct {
	Deps

	mu      sync.Mutex
	known   map[int64]*rule // by row id, as of a version
	words   *segment.Vocabulary
	wordsAt time.Time
	net     *net // the keywords of all rules that are on
}

// New puts the capability together and registers its works.
func New(d Deps) *Service {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	s := &Service{Deps: d, known: map[int64]*rule{}}
	work.Handle(d.Queue, workScan, work.Policy{}, s.scan)
	work.Handle(d.Queue, workWithdraw, work.Policy{}, s.withdraw)
	return s
}

// wordsLife is how long custom fields and trees are kept in memory.
const wordsLife = 10 * time.Second

// env is what conditions mean now.
func (s *Service) env(tx *gorm.DB, fresh bool) (*segment.Env, error) {
	now := s.Now()
	s.mu.Lock()
	words, at := s.words, s.wordsAt
	s.mu.Unlock()
	if words == nil || fresh || now.Sub(at) >= wordsLife {
		var err error
		if words, err = segment.LoadVocabulary(tx); err != nil {
			return nil, err
		}
		s.mu.Lock()
		s.words, s.wordsAt = words, now
		s.mu.Unlock()
	}
	return &segment.Env{Now: now, Zone: s.Zone, Known: words, SQLite: model.IsSQLite(tx)}, nil
}

// Decode reads a condition as it comes from outside, ids in it as refs gives them.
func (s *Service) Decode(ctx context.Context, raw []byte, refs segment.Refs) (*segment.Rule, error) {
	e, err := s.env(s.DB.WithContext(ctx), true)
	if err != nil {
		return nil, err
	}
	return segment.Decode(raw, refs, e.Known)
}

func origin(ruleID int64) tag.Origin { return tag.Origin{Source: tag.SourceRule, ID: ruleID} }
