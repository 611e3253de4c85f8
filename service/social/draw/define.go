package draw

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/keyring"
	"zhiyin/service/vault"
)

// Definition is what people say a draw is.
type Definition struct {
	Name, Note, Style   string
	From, Until         time.Time
	SegmentID           int64
	NeedCheckIn         bool
	PaidDays            int
	Price               int64
	PerDay, PerCustomer int64
	Prizes              []PrizeInput
}

// PrizeInput is a prize. What the odds of all leave of a million is nothing.
type PrizeInput struct {
	Name    string
	Kind    string
	BatchID int64
	Points  int64
	Odds    int       // of a million
	Stock   int64     // 0: any number
	CostFen model.Fen // what each costs the house, for its report; of coupons what they save is added
}

const (
	million   = 1_000_000
	maxPrizes = 12
	maxPoints = 1_000_000
	maxCost   = 1_000_000_000
)

func (s *Service) check(ctx context.Context, tx *gorm.DB, d *Definition) error {
	n := utf8.RuneCountInString(strings.TrimSpace(d.Name))
	switch {
	case n == 0 || n > 64 || utf8.RuneCountInString(d.Note) > 255:
		return ErrInvalid.With("name", "1 到 64 个字 / 1 to 64 characters")
	case !slices.Contains(Styles, d.Style):
		return ErrInvalid.With("style", strings.Join(Styles, ", "))
	case !d.From.Before(d.Until):
		return ErrInvalid.With("until", "晚于开始 / after its beginning")
	case d.PaidDays < 0 || d.PaidDays > 3650 || d.Price < 0 || d.Price > maxPoints || d.PerDay < 0 || d.PerCustomer < 0:
		return ErrInvalid.With("price", "不能为负 / not below zero")
	case len(d.Prizes) == 0 || len(d.Prizes) > maxPrizes:
		return ErrInvalid.With("prizes", "1 到 12 个奖品 / 1 to 12 of them")
	}
	if d.SegmentID != 0 {
		if _, err := s.Segments.Size(ctx, d.SegmentID); err != nil {
			return err
		}
	}
	odds := 0
	for _, p := range d.Prizes {
		if err := s.checkPrize(tx, p); err != nil {
			return err
		}
		odds += p.Odds
	}
	if odds > million {
		return ErrInvalid.With("prizes", "概率之和最多 1000000 / the odds are a million together at most")
	}
	return nil
}

func (s *Service) checkPrize(tx *gorm.DB, p PrizeInput) error {
	n := utf8.RuneCountInString(strings.TrimSpace(p.Name))
	switch {
	case n == 0 || n > 64:
		return ErrInvalid.With("prizes.name", "1 到 64 个字 / 1 to 64 characters")
	case p.CostFen < 0 || p.CostFen > maxCost:
		return ErrInvalid.With("prizes.cost_fen", "0 到 1000000000 / 0 to 1000000000")
	case p.Odds < 1 || p.Odds > million || p.Stock < 0:
		return ErrInvalid.With("prizes.odds", "1 到 1000000 / 1 to 1000000")
	case !slices.Contains([]string{Gift, Coupon, Points}, p.Kind), (p.Kind == Coupon) != (p.BatchID != 0), (p.Kind == Points) != (p.Points > 0), p.Points > maxPoints:
		return ErrInvalid.With("prizes.kind", "gift，coupon 加券批次，或 points 加数量 / gift, coupon with a batch, points with how many")
	case p.Kind != Coupon:
		return nil
	case s.Coupons == nil:
		return ErrInvalid.With("prizes.kind", "没有优惠券 / there are no coupons")
	}
	there, err := s.Coupons.HasBatch(tx, p.BatchID)
	if err == nil && !there {
		err = ErrInvalid.With("prizes.batch_id", "没有这个券批次 / no such batch")
	}
	return err
}

// Save makes a draft (id and version 0), or replaces one of the version that was read. Once a draw has been started it stays
// as it is. It fails with ErrInvalid, ErrNotFound, ErrChanged or ErrState.
func (s *Service) Save(ctx context.Context, staffID, id, version int64, d Definition) (*Draw, error) {
	row := &model.LuckyDraw{State: StateDraft, CreatedBy: staffID, CreatedAt: s.Now()}
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) (err error) {
		if err := s.check(ctx, tx, &d); err != nil {
			return err
		}
		if id != 0 {
			if row, err = lock(tx, id); err != nil {
				return err
			}
			if row.Version != version {
				return ErrChanged
			}
			if row.State != StateDraft {
				return ErrState
			}
		} else {
			row.ID, row.Version = 0, 0
		}
		row.Name, row.Note, row.Style, row.From, row.Until = strings.TrimSpace(d.Name), d.Note, d.Style, d.From.UTC(), d.Until.UTC()
		row.SegmentID, row.NeedCheckIn, row.PaidDays = d.SegmentID, d.NeedCheckIn, d.PaidDays
		row.Price, row.PerDay, row.PerCustomer = d.Price, d.PerDay, d.PerCustomer
		row.Version++
		row.ChangedBy, row.UpdatedAt = staffID, s.Now()
		if err := write(tx, row); err != nil {
			return err
		}
		return replacePrizes(tx, row.ID, d.Prizes)
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, row.ID)
}

// Seals are the places where values are sealed here.
func Seals() []keyring.Place {
	return []keyring.Place{keyring.Column{Table: "lucky_draw", Column: "sealed_seed"}}
}

// sealed is where a draw's seed is kept.
func sealed(id int64) vault.Place {
	return vault.Place{Table: "lucky_draw", Column: "sealed_seed", Row: rowName(id)}
}

// SetState starts a draft, which publishes the commitment to its seed; pauses and resumes; or ends a draw for good, which
// reveals the seed. Repeating it changes nothing. It fails with ErrNotFound or ErrState.
func (s *Service) SetState(ctx context.Context, staffID, id int64, state string) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lock(tx, id)
		if err != nil || row.State == state {
			return err
		}
		switch row.State + ">" + state {
		case StateDraft + ">" + StateActive:
			seed := make([]byte, 32)
			rand.Read(seed)
			sum := sha256.Sum256(seed)
			row.Commitment, row.SealedSeed = sum[:], s.Vault.Seal(string(seed), sealed(id))
		case StateActive + ">" + StatePaused, StatePaused + ">" + StateActive:
		case StateActive + ">" + StateEnded, StatePaused + ">" + StateEnded:
			return s.endTx(tx, row, staffID)
		default:
			return ErrState
		}
		row.State, row.ChangedBy, row.UpdatedAt = state, staffID, s.Now()
		return write(tx, row)
	})
}
