package campaign

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Create makes a draft. It fails with ErrInvalid, or with what Messages says of a variant.
func (s *Service) Create(ctx context.Context, v *staff.Viewer, d Definition) (*Campaign, error) {
	if err := s.checkAll(ctx, &d); err != nil {
		return nil, err
	}
	row := &model.Campaign{State: StateDraft, Version: 1, CreatedBy: who(v), ChangedBy: who(v), CreatedAt: s.Now(), UpdatedAt: s.Now()}
	d.write(row)
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row.ID, row.Code = 0, newCode() // a transaction may run again
		if err := insert(tx, row); err != nil {
			return err
		}
		return insertVariants(tx, row.ID, d.Variants)
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, row.ID)
}

// newCode is 50 random bits without look-alikes: short enough for a link, and nobody guesses the links of others.
func newCode() string {
	b := make([]byte, 10)
	rand.Read(b)
	return strings.ToLower(codeText.EncodeToString(b)[:10])
}

var codeText = base32.NewEncoding("abcdefghjkmnpqrstuvwxyz023456789").WithPadding(base32.NoPadding)

// Update changes a campaign of a version that was read. A draft stays one; one that waits or is scheduled becomes a draft
// again, because nobody has agreed to what it says now. It fails with ErrNotFound, ErrChanged, ErrState or ErrInvalid.
func (s *Service) Update(ctx context.Context, v *staff.Viewer, id, version int64, d Definition) (*Campaign, error) {
	if err := s.checkAll(ctx, &d); err != nil {
		return nil, err
	}
	err := s.change(ctx, id, func(tx *gorm.DB, row *model.Campaign) error {
		switch {
		case row.Version != version:
			return ErrChanged
		case row.Runs > 0 || !in(row.State, StateDraft, StateAsked, StateScheduled):
			return ErrState
		}
		d.write(row)
		row.State, row.Reason, row.NextAt, row.ChangedBy = StateDraft, "", nil, who(v)
		row.Version++
		if err := deleteVariants(tx, id); err != nil {
			return err
		}
		return insertVariants(tx, id, d.Variants)
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, id)
}

// Delete removes a campaign that never ran. It fails with ErrNotFound or ErrState.
func (s *Service) Delete(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lockCampaign(tx, id)
		if err != nil {
			return err
		}
		if row.Runs > 0 || !in(row.State, StateDraft, StateAsked, StateScheduled) {
			return ErrState
		}
		return deleteCampaign(tx, id)
	})
}

// Copy makes a draft that says what another campaign says, with a name of its own.
func (s *Service) Copy(ctx context.Context, v *staff.Viewer, id int64, name string) (*Campaign, error) {
	c, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	d := c.Definition
	d.Name, d.Schedule.At = name, nil
	for i := range d.Variants {
		d.Variants[i].ID = 0
	}
	return s.Create(ctx, v, d)
}

// checkAll checks a definition, and that what it names exists.
func (s *Service) checkAll(ctx context.Context, d *Definition) error {
	if err := d.check(); err != nil {
		return err
	}
	if err := d.Schedule.check(s.Now(), s.Zone); err != nil {
		return err
	}
	channel, ok := s.Ledger.Channel(d.Channel)
	if !ok {
		return ErrInvalid.With("channel", "没有这个渠道 / no such channel")
	}
	about := channel.Describe()
	if d.Audience.to() != about.To {
		return ErrInvalid.With("audience", "对象与渠道不符：客户、客户群或成员 / the channel names others: customers, groups or staff")
	}
	for _, v := range d.Variants {
		if err := s.Messages.Usable(ctx, v.MessageID, about.Name, about.Contents); err != nil {
			return err
		}
	}
	return s.checkNames(ctx, d)
}

func (s *Service) checkNames(ctx context.Context, d *Definition) error {
	kinds, err := s.Kinds(ctx)
	if err != nil {
		return err
	}
	if !knownGoal(d.Goal, kinds) {
		return ErrInvalid.With("goal.kind", "没有这种事件 / no such kind of event")
	}
	if d.gives() && s.Coupons == nil {
		return ErrInvalid.With("variants", "这里没有优惠券 / there are no coupons here")
	}
	missing, err := missingOf(s.DB.WithContext(ctx), d)
	if err == nil && missing != "" {
		err = ErrInvalid.With(missing, "其中有已不存在的 / names something that is gone")
	}
	return err
}

// change locks a campaign, has f change it, and stores it. errUnchanged from f stores nothing and is no failure.
func (s *Service) change(ctx context.Context, id int64, f func(tx *gorm.DB, row *model.Campaign) error) error {
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lockCampaign(tx, id)
		if err != nil {
			return err
		}
		if err := f(tx, row); err != nil {
			return err
		}
		row.UpdatedAt = s.Now()
		return save(tx, row)
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

var errUnchanged = errors.New("nothing to change")

func in(state string, list ...string) bool {
	for _, s := range list {
		if s == state {
			return true
		}
	}
	return false
}

func inMinutes(now time.Time, n int) *time.Time {
	t := now.Add(time.Duration(n) * time.Minute)
	return &t
}
