package loyalty

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// TierInput is what people say a tier is.
type TierInput struct {
	Name         string
	ThresholdFen model.Fen
	MultiplierBP int // of points earned by rules that say so: 10,000 is once
	Benefits     []string
}

const (
	maxTiers = 20
	once     = 10_000
)

// tierRows checks tiers, from the lowest: thresholds rise. Where customers stand follows at the next look, at the latest in
// the night.
func (s *Service) tierRows(list []TierInput) ([]model.Tier, error) {
	if len(list) > maxTiers {
		return nil, ErrInvalid.With("tiers", "最多 20 级 / at most 20")
	}
	now := s.Now()
	rows := make([]model.Tier, len(list))
	for i, in := range list {
		n := utf8.RuneCountInString(strings.TrimSpace(in.Name))
		switch {
		case n == 0 || n > 32:
			return nil, ErrInvalid.With("name", "1 到 32 个字 / 1 to 32 characters")
		case in.ThresholdFen < 0 || i > 0 && in.ThresholdFen <= list[i-1].ThresholdFen:
			return nil, ErrInvalid.With("threshold_fen", "逐级升高 / rising")
		case in.MultiplierBP < once || in.MultiplierBP > 10*once:
			return nil, ErrInvalid.With("multiplier_bp", "10000 到 100000 / 10000 to 100000")
		case len(in.Benefits) > 20:
			return nil, ErrInvalid.With("benefits", "最多 20 条 / at most 20")
		}
		for _, line := range in.Benefits {
			if m := utf8.RuneCountInString(line); m == 0 || m > 100 {
				return nil, ErrInvalid.With("benefits", "每条 1 到 100 个字 / 1 to 100 characters each")
			}
		}
		benefits, err := json.Marshal(append([]string{}, in.Benefits...))
		if err != nil {
			return nil, err
		}
		rows[i] = model.Tier{
			Level: i + 1, Name: strings.TrimSpace(in.Name), ThresholdFen: in.ThresholdFen, MultiplierBP: in.MultiplierBP, Benefits: string(benefits),
			CreatedAt: now, UpdatedAt: now,
		}
	}
	return rows, nil
}

// Tiers lists all tiers, from the lowest.
func (s *Service) Tiers(ctx context.Context) ([]model.Tier, error) {
	return tiers(s.DB.WithContext(ctx))
}

// standing decides which tier a customer has next. Up it goes at once; down only when the time is over for which a tier is
// kept and the grace after it, and then to what the value says.
func standing(now time.Time, was model.CustomerTier, value model.Fen, all []model.Tier, set *Setting) model.CustomerTier {
	reached := 0
	for _, t := range all {
		if value >= t.ThresholdFen {
			reached = t.Level
		}
	}
	next := was
	next.ValueFen, next.LookedAt = value, now
	keep := now.AddDate(0, 0, set.TierKeepDays)
	kept := was.KeepUntil != nil && now.Before(was.KeepUntil.AddDate(0, 0, set.TierGraceDays)) && was.Level <= len(all)
	switch {
	case reached > was.Level, reached < was.Level && !kept:
		next.Level, next.Since = reached, now
	case reached == was.Level && !(was.KeepUntil != nil && now.Before(*was.KeepUntil)): // earned anew
	default:
		return next
	}
	next.KeepUntil = nil
	if next.Level > 0 {
		next.KeepUntil = &keep
	}
	return next
}

// lookAtTier brings a customer's tier in line with what they bought.
func (s *Service) lookAtTier(tx *gorm.DB, customerID int64) error {
	all, err := tiers(tx)
	if err != nil {
		return err
	}
	set, err := settingOf(tx)
	if err != nil {
		return err
	}
	was, err := lockTier(tx, customerID, s.Now())
	if err != nil || len(all) == 0 && was.Level == 0 {
		return err
	}
	now := s.Now()
	value, err := paidSince(tx, customerID, now.AddDate(0, 0, -set.TierWindowDays))
	if err != nil {
		return err
	}
	next := standing(now, *was, value, all, set)
	if err := saveAll(tx, &next); err != nil || next.Level == was.Level {
		return err
	}
	cause := "value"
	if next.Level < was.Level {
		cause = "lapse"
	}
	change := &model.TierChange{CustomerID: customerID, FromLevel: was.Level, ToLevel: next.Level, ValueFen: value, Cause: cause, CreatedAt: now}
	if err := insert(tx, change); err != nil {
		return err
	}
	_, err = s.Events.Record(tx, event.TierChanged{CustomerID: customerID, ChangeID: change.ID, From: was.Level, To: next.Level, At: now})
	return err
}

// LookAtTiers looks at those whose tier may fall, because the time is over for which it was kept. It may be run at any
// moment and twice.
func (s *Service) LookAtTiers(ctx context.Context) error {
	for after := int64(0); ctx.Err() == nil; {
		ids, err := lapsing(s.DB.WithContext(ctx), s.Now(), after, expirePage)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.lookAtTier(tx, id) }); err != nil {
				return err
			}
		}
		after = ids[len(ids)-1]
	}
	return ctx.Err()
}
