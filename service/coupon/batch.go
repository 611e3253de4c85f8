package coupon

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// BatchInput describes a batch in full.
type BatchInput struct {
	Name, Note            string
	Kind                  string
	Terms                 json.RawMessage // what the kind lets people set
	Rules                 Rules
	Stock                 int64 // 0: any number
	PerCustomer           int64 // as the next two, 0: any number
	PerDay                int64
	PerDevice             int64
	ClaimFrom, ClaimUntil *time.Time
	ValidFrom, ValidUntil *time.Time
	ValidDays             int
	SegmentID             int64
	Claimable             bool
	Transferable          bool
	BudgetCount           int64
	BudgetFen             model.Fen
	BudgetDayCount        int64
	BudgetDayFen          model.Fen
	RemindDays            int
	ReviewAt              int
}

// maxCount bounds everything that is counted.
const maxCount = 1_000_000_000

// fill writes an input into a row, or fails with ErrBatch.
func (in *BatchInput) fill(row *model.CouponBatch) error {
	var wrong *fault.Fault
	refuse := func(field, why string) {
		if wrong == nil {
			wrong = ErrBatch
		}
		wrong = wrong.With(field, why)
	}
	name := strings.TrimSpace(in.Name)
	if n := utf8.RuneCountInString(name); n == 0 || n > maxName || strings.ContainsFunc(name, unicode.IsControl) {
		refuse("name", "1–64 个字符 / 1–64 characters")
	}
	if utf8.RuneCountInString(in.Note) > 255 {
		refuse("note", "最多 255 个字符 / up to 255 characters")
	}
	var terms Terms
	if k := kindOf(in.Kind); k == nil {
		refuse("kind", "没有这种券 / there is no such kind")
	} else {
		var field, why string
		if terms, field, why = termsOf(k, in.Terms); why != "" {
			refuse(field, why)
		}
	}
	if field, why := in.Rules.wrong(); why != "" {
		refuse(field, why)
	}
	for field, n := range map[string]int64{
		"stock": in.Stock, "per_customer": in.PerCustomer, "per_day": in.PerDay, "per_device": in.PerDevice, "budget_count": in.BudgetCount,
		"budget_day_count": in.BudgetDayCount,
	} {
		if n < 0 || n > maxCount {
			refuse(field, "0–1000000000")
		}
	}
	for field, fen := range map[string]model.Fen{"budget_fen": in.BudgetFen, "budget_day_fen": in.BudgetDayFen} {
		if fen < 0 || fen > 1000*maxFen {
			refuse(field, "0–1000000000000")
		}
	}
	if in.ValidDays < 0 || in.ValidDays > 3650 || in.RemindDays < 0 || in.RemindDays > 365 || in.ReviewAt < 0 || in.ReviewAt > 1000 {
		refuse("valid_days", "0–3650")
	}
	if in.ValidUntil == nil && in.ValidDays == 0 {
		refuse("valid_until", "须设置有效期 / it has to end some time")
	}
	if after(in.ValidFrom, in.ValidUntil) || after(in.ClaimFrom, in.ClaimUntil) || after(in.ClaimFrom, in.ValidUntil) {
		refuse("valid_until", "须晚于开始时间 / it ends after it begins")
	}
	if wrong != nil {
		return wrong
	}
	row.Name, row.Note, row.Kind, row.Terms, row.Rules = name, in.Note, in.Kind, asJSON(terms), asJSON(in.Rules)
	row.Stock, row.PerCustomer, row.PerDay, row.PerDevice = in.Stock, in.PerCustomer, in.PerDay, in.PerDevice
	row.ClaimFrom, row.ClaimUntil, row.ValidFrom, row.ValidUntil, row.ValidDays = utc(in.ClaimFrom), utc(in.ClaimUntil), utc(in.ValidFrom), utc(in.ValidUntil), in.ValidDays
	row.SegmentID, row.Claimable, row.Transferable = in.SegmentID, in.Claimable, in.Transferable
	row.BudgetCount, row.BudgetFen, row.BudgetDayCount, row.BudgetDayFen = in.BudgetCount, in.BudgetFen, in.BudgetDayCount, in.BudgetDayFen
	row.RemindDays, row.ReviewAt = in.RemindDays, in.ReviewAt
	return nil
}

func after(from, until *time.Time) bool { return from != nil && until != nil && !until.After(*from) }

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC().Truncate(time.Millisecond)
	return &u
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain values
	}
	return string(b)
}

// CreateBatch makes a draft. It fails with ErrBatch.
func (s *Service) CreateBatch(ctx context.Context, by int64, in BatchInput) (*model.CouponBatch, error) {
	now := s.Now()
	row := &model.CouponBatch{State: BatchDraft, Version: 1, CreatedBy: by, CreatedAt: now, UpdatedAt: now}
	if err := in.fill(row); err != nil {
		return nil, err
	}
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row.ID = 0 // a transaction may run again
		if err := segmentIs(tx, row.SegmentID); err != nil {
			return err
		}
		return insertBatch(tx, row)
	})
	return row, err
}

// UpdateBatch replaces what a batch says, as the caller last saw it (version). What coupons that are out
// are worth stays: of a batch that has been active only name, note, stock, limits, claim window, audience,
// budgets, reminder, review and whether it can be claimed change. A change that gives more away than the
// approved one makes it wait for approval again. It fails with ErrNoBatch, ErrChanged, ErrBatch or ErrFixed.
func (s *Service) UpdateBatch(ctx context.Context, by, id, version int64, in BatchInput) (row *model.CouponBatch, err error) {
	err = s.changeBatch(ctx, id, func(tx *gorm.DB, b *model.CouponBatch, n *model.CouponCount) error {
		if b.Version != version {
			return ErrChanged
		}
		before := *b
		if err := in.fill(b); err != nil {
			return err
		}
		if b.SegmentID != before.SegmentID {
			if err := segmentIs(tx, b.SegmentID); err != nil {
				return err
			}
		}
		if before.State != BatchDraft && before.State != BatchSubmitted && !sameOffer(&before, b) {
			return ErrFixed
		}
		if b.Stock != 0 && b.Stock < n.Issued {
			return ErrBatch.With("stock", "少于已发放数量 / fewer than are out")
		}
		if before.State == BatchSubmitted {
			b.State = BatchDraft // what was submitted is not what it says now
		}
		if before.State != BatchDraft && before.State != BatchSubmitted && s.large(b) && larger(&before, b) {
			if before.State == BatchActive {
				b.State = BatchPaused
			}
			b.ApprovedBy, b.ApprovedAt = 0, nil
		}
		row = b
		return nil
	})
	return row, err
}

// sameOffer tells whether coupons of a batch stay worth what they were.
func sameOffer(a, b *model.CouponBatch) bool {
	return a.Kind == b.Kind && a.Terms == b.Terms && a.Rules == b.Rules && a.ValidDays == b.ValidDays && sameTime(a.ValidFrom, b.ValidFrom) &&
		sameTime(a.ValidUntil, b.ValidUntil) && a.Transferable == b.Transferable
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// large tells whether a batch needs a second person: for how many coupons, or how much money, it may give away.
func (s *Service) large(b *model.CouponBatch) bool {
	if b.Stock == 0 && b.BudgetCount == 0 && b.BudgetFen == 0 {
		return true // without end
	}
	coupons := lesser(b.Stock, b.BudgetCount)
	o, err := offerOf(b)
	if err != nil {
		return true
	}
	cost := int64(b.BudgetFen)
	if worth := int64(o.terms.worth()); coupons != 0 && worth != 0 {
		cost = lesser(cost, min(coupons, maxCount)*worth)
	}
	return coupons == 0 && cost == 0 || s.Large(coupons, model.Fen(cost))
}

// lesser is the smaller of two limits, of which 0 is none.
func lesser(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// larger tells whether b gives away more than a.
func larger(a, b *model.CouponBatch) bool {
	more := func(was, is int64) bool { return was != 0 && (is == 0 || is > was) }
	return more(a.Stock, b.Stock) || more(a.BudgetCount, b.BudgetCount) || more(int64(a.BudgetFen), int64(b.BudgetFen))
}

// Submit asks for approval of a draft, or of a change, or activates it where it is small enough. It fails with
// ErrNoBatch or ErrState.
func (s *Service) Submit(ctx context.Context, by, id int64) (row *model.CouponBatch, err error) {
	err = s.changeBatch(ctx, id, func(_ *gorm.DB, b *model.CouponBatch, _ *model.CouponCount) error {
		if b.State != BatchDraft && (b.State != BatchPaused || b.ApprovedAt != nil || !s.large(b)) {
			return ErrState
		}
		b.State, b.SubmittedBy = BatchActive, by
		if s.large(b) {
			b.State = BatchSubmitted
		}
		row = b
		return nil
	})
	return row, err
}

// Approve activates what somebody else submitted, or with no sends it back to be a draft. Nobody approves
// what they wrote or submitted themselves: ErrOwn. It fails with ErrNoBatch or ErrState.
func (s *Service) Approve(ctx context.Context, by, id, version int64, yes bool) (row *model.CouponBatch, err error) {
	err = s.changeBatch(ctx, id, func(_ *gorm.DB, b *model.CouponBatch, n *model.CouponCount) error {
		switch {
		case b.State != BatchSubmitted:
			return ErrState
		case b.Version != version:
			return ErrChanged
		case slices.Contains([]int64{b.CreatedBy, b.SubmittedBy}, by):
			return ErrOwn
		}
		row = b
		if !yes {
			b.State = BatchDraft
			if n.Issued > 0 {
				b.State = BatchPaused
			}
			return nil
		}
		now := s.Now()
		b.State, b.ApprovedBy, b.ApprovedAt = BatchActive, by, &now
		return nil
	})
	return row, err
}

// transitions are the changes of state that need nobody else.
var transitions = map[string][]string{
	BatchPaused: {BatchActive},
	BatchActive: {BatchPaused},
	BatchEnded:  {BatchDraft, BatchSubmitted, BatchActive, BatchPaused},
}

// SetState pauses, resumes or ends a batch; in the state already, nothing happens. A pause counts from its
// commit on. It fails with ErrNoBatch, ErrState, or ErrApproval where resuming needs a second person first.
func (s *Service) SetState(ctx context.Context, id int64, state string) (row *model.CouponBatch, err error) {
	err = s.changeBatch(ctx, id, func(_ *gorm.DB, b *model.CouponBatch, _ *model.CouponCount) error {
		row = b
		switch {
		case b.State == state:
			return nil
		case !slices.Contains(transitions[state], b.State):
			return ErrState
		case state == BatchActive && s.large(b) && b.ApprovedAt == nil:
			return ErrApproval
		}
		b.State = state
		return nil
	})
	return row, err
}

// changeBatch has do change a batch that nobody else changes meanwhile, and writes what came of it.
func (s *Service) changeBatch(ctx context.Context, id int64, do func(tx *gorm.DB, b *model.CouponBatch, n *model.CouponCount) error) error {
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		counts, err := lockCounts(tx, []int64{id}) // who issues waits
		if err != nil {
			return err
		}
		n := counts[id]
		if n == nil {
			return ErrNoBatch
		}
		b, err := batchByID(tx, id)
		if err != nil {
			return err
		}
		if err := do(tx, b, n); err != nil {
			return err
		}
		b.Version++
		b.UpdatedAt = s.Now()
		return updateBatch(tx, b)
	})
	s.soldOut.Delete(id)
	return err
}
