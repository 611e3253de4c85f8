package loyalty

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// RuleInput is what people say a rule is.
type RuleInput struct {
	Name      string
	EventKind string
	Where     []event.Match // what the events have to say, or from where they come (source); all must hold
	Points    int64         // for each event
	PerFen    int64         // or one point for so many fen of the event's value
	// PerDay, PerMonth and InAll bound what one customer earns by it; 0: no bound.
	PerDay, PerMonth, InAll int64
	ValidDays               int
	Tiered                  bool
	Enabled                 bool
	From, Until             *time.Time
}

// earnable are the kinds of events that may earn points; of those with money the value may count. What takes money back is
// none: that is settled with what was earned.
func earnable(k event.Kind) bool {
	switch k.Name {
	case event.KindOrderPaid, event.KindOrderCompleted, event.KindProfileChanged, event.KindProfileCompleted, event.KindCustomerAdded, event.KindGroupJoined, event.KindReferralCounted:
		return true
	}
	return k.Custom || k.Tracked
}

// atWill tells whether customers can make such events happen as often as they like, so that a rule needs a bound.
func atWill(k *event.Kind) bool {
	return k.Tracked || k.Name == event.KindProfileChanged || k.Name == event.KindCustomerAdded || k.Name == event.KindGroupJoined
}

// byMoney are the kinds whose value is fen that were paid.
func byMoney(kind string) bool {
	return kind == event.KindOrderPaid || kind == event.KindOrderCompleted
}

func (in *RuleInput) check(kinds []event.Kind) error {
	var kind *event.Kind
	for i, k := range kinds {
		if k.Name == in.EventKind && earnable(k) {
			kind = &kinds[i]
		}
	}
	n := utf8.RuneCountInString(strings.TrimSpace(in.Name))
	switch {
	case n == 0 || n > 64:
		return ErrInvalid.With("name", "1 到 64 个字 / 1 to 64 characters")
	case kind == nil:
		return ErrInvalid.With("event_kind", "这种事件不能获得积分 / nothing is earned for such events")
	case (in.Points > 0) == (in.PerFen > 0) || in.Points < 0 || in.PerFen < 0 || in.Points > 1_000_000:
		return ErrInvalid.With("points", "固定积分与按金额二选一 / either so many, or by money")
	case in.PerFen > 0 && !byMoney(in.EventKind):
		return ErrInvalid.With("per_fen", "只有付款的事件按金额 / only of events that are payments")
	case in.PerDay < 0 || in.PerMonth < 0 || in.InAll < 0:
		return ErrInvalid.With("per_day", "不能为负 / not below zero")
	case atWill(kind) && in.PerDay+in.PerMonth+in.InAll == 0:
		return ErrInvalid.With("per_day", "客户可以反复做的事必须设上限 / what customers can do again and again needs a bound")
	case in.ValidDays < 0 || in.ValidDays > maxDays:
		return ErrInvalid.With("valid_days", "0 到 3650 / 0 to 3650")
	case in.From != nil && in.Until != nil && !in.From.Before(*in.Until):
		return ErrInvalid.With("until", "晚于开始 / after its beginning")
	}
	return checkWhere(in.Where, kind)
}

func (in *RuleInput) write(row *model.PointsRule) {
	row.Name, row.EventKind, row.Points, row.PerFen = strings.TrimSpace(in.Name), in.EventKind, in.Points, in.PerFen
	row.PerDay, row.PerMonth, row.InAll, row.ValidDays = in.PerDay, in.PerMonth, in.InAll, in.ValidDays
	row.Tiered, row.Enabled, row.From, row.Until = in.Tiered, in.Enabled, in.From, in.Until
}

// SaveRule makes a rule (id and version 0), or replaces one of the version that was read. It fails with ErrInvalid,
// ErrNotFound or ErrChanged.
func (s *Service) SaveRule(ctx context.Context, staffID, id, version int64, in RuleInput) (*Rule, error) {
	kinds, err := s.Events.Kinds(ctx)
	if err != nil {
		return nil, err
	}
	if err := in.check(kinds); err != nil {
		return nil, err
	}
	row := &model.PointsRule{CreatedAt: s.Now()}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if id != 0 {
			if row, err = lockRule(tx, id); err != nil {
				return err
			}
			if row.Version != version {
				return ErrChanged
			}
		} else {
			row.ID, row.Version = 0, 0
		}
		in.write(row)
		row.Version++
		row.ChangedBy, row.UpdatedAt = staffID, s.Now()
		if id == 0 {
			err = insert(tx, row)
		} else {
			err = saveAll(tx, row)
		}
		if err != nil {
			return err
		}
		return replaceMatches(tx, row.ID, in.Where)
	})
	if err != nil {
		return nil, err
	}
	return &Rule{*row, in.Where}, nil
}

// Rules lists all rules.
func (s *Service) Rules(ctx context.Context) ([]Rule, error) {
	return rulesWhere(s.DB.WithContext(ctx))
}

// settled are the kinds of facts after which what an order earned may be other than it should, and so may a tier.
var settled = map[string]bool{
	event.KindOrderRefunded: true, event.KindRefundAsked: true, event.KindRefundRefused: true, event.KindOrderCancelled: true, event.KindOrderPaid: true,
}

const sourceOrder = "order"

// OnEvents gives points for what happened and settles those of orders that were undone. It writes to the caller's
// transaction alone, and repeating it changes nothing.
func (s *Service) OnEvents(tx *gorm.DB, batch []model.Event) error {
	list, err := rulesWhere(tx)
	if err != nil {
		return err
	}
	byKind := map[string][]Rule{}
	for _, r := range list {
		if r.Enabled {
			byKind[r.EventKind] = append(byKind[r.EventKind], r)
		}
	}
	for i := range batch {
		e := &batch[i]
		if e.CustomerID == 0 {
			continue
		}
		var said event.Said
		for _, r := range byKind[e.Kind] {
			if said == nil && len(r.Where) > 0 {
				said = event.ReadSaid(e.Payload)
			}
			if !r.fits(e, said) {
				continue
			}
			if err := s.earnByRule(tx, &r.PointsRule, e); err != nil {
				return fmt.Errorf("rule %d on event %d: %w", r.ID, e.ID, err)
			}
		}
		if !settled[e.Kind] {
			continue
		}
		if err := s.settleOrderTx(tx, orderID(e)); err != nil {
			return err
		}
		if err := s.lookAtTier(tx, e.CustomerID); err != nil {
			return err
		}
	}
	return nil
}

// orderID is the order that a fact is about; 0: none.
func orderID(e *model.Event) int64 {
	var said struct {
		OrderID int64 `json:"order_id"`
	}
	_ = json.Unmarshal([]byte(e.Payload), &said) // written by us
	return said.OrderID
}

// earnByRule gives what a rule says for an event, within its bounds.
func (s *Service) earnByRule(tx *gorm.DB, r *model.PointsRule, e *model.Event) error {
	if r.From != nil && e.OccurredAt.Before(*r.From) || r.Until != nil && !e.OccurredAt.Before(*r.Until) {
		return nil
	}
	d := Detail{Key: fmt.Sprintf("rule:%d:event:%d", r.ID, e.ID), RuleID: r.ID, Source: "event", SourceID: e.ID, Reason: r.Name}
	if id := orderID(e); id != 0 {
		d.Source, d.SourceID = sourceOrder, id
	}
	return s.change(tx, e.CustomerID, func(b *book) error {
		known, err := entryByKey(tx, d.Key)
		if err != nil || known != nil {
			return err
		}
		points := r.Points
		if r.PerFen > 0 {
			points = e.Value / r.PerFen
		}
		if r.Tiered {
			bp, err := multiplierOf(tx, e.CustomerID)
			if err != nil {
				return err
			}
			points = points * int64(bp) / 10_000
		}
		if points, err = b.within(r, min(points, maxPoints)); err != nil || points <= 0 {
			return err
		}
		_, err = b.put(Earn, Issued, points, 0, s.expiry(b.now, r.ValidDays), d)
		return err
	})
}

// within cuts points to what a rule's bounds leave. The account is locked, so nobody earns by it at the same time.
func (b *book) within(r *model.PointsRule, points int64) (int64, error) {
	for _, bound := range []struct {
		most int64
		from time.Time
	}{{r.PerDay, b.s.dayStart(b.now)}, {r.PerMonth, b.s.monthStart(b.now)}, {r.InAll, time.Time{}}} {
		if bound.most == 0 {
			continue
		}
		had, err := earnedByRule(b.tx, b.account.CustomerID, r.ID, bound.from)
		if err != nil {
			return 0, err
		}
		points = min(points, bound.most-had)
	}
	return points, nil
}
