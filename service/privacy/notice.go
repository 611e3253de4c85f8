package privacy

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// maxNotice bounds the text of a notice, in characters.
const maxNotice = 20_000

// NoticeInput is the next version of a notice.
type NoticeInput struct {
	Purpose string
	// Version is the version it shall have: one more than the newest, so that two who publish at once
	// do not both replace the same one unseen.
	Version  int
	Title    string
	Body     string
	Explicit bool // silence does not mean yes; always so for purposes that collect
	// EffectiveAt is from when on customers are told this; zero: now. Not in the past.
	EffectiveAt time.Time
	StaffID     int64
}

// Publish adds a version of a purpose's notice; nothing published is ever changed. It fails with
// ErrPurpose, ErrInvalid or ErrNoticeTaken.
func (s *Service) Publish(ctx context.Context, in NoticeInput) (*model.Notice, error) {
	p, ok := purposeOf(in.Purpose)
	if !ok {
		return nil, ErrPurpose
	}
	now := s.now()
	if in.EffectiveAt.IsZero() {
		in.EffectiveAt = now
	}
	if err := in.check(now); err != nil {
		return nil, err
	}
	row := &model.Notice{
		Purpose: in.Purpose, Version: in.Version, Title: in.Title, Body: in.Body, Digest: digest(in.Purpose, in.Version, in.Title, in.Body),
		Explicit: in.Explicit || p.Collects, StaffID: in.StaffID, EffectiveAt: in.EffectiveAt.UTC().Truncate(time.Millisecond), CreatedAt: now,
	}
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		newest, err := newestNotice(tx, in.Purpose)
		if err != nil {
			return err
		}
		if newest != nil && newest.EffectiveAt.After(row.EffectiveAt) {
			return ErrInvalid.With("effective_at", "不能早于上一版本的生效时间 / not before the version before it")
		}
		if newest == nil && in.Version != 1 || newest != nil && in.Version != newest.Version+1 {
			return ErrNoticeTaken
		}
		return insertNotice(tx, row)
	})
	if model.IsDuplicate(err) {
		return nil, ErrNoticeTaken
	}
	if err != nil {
		return nil, err
	}
	return row, nil
}

func (in NoticeInput) check(now time.Time) error {
	var err *fault.Fault
	wrong := func(field, reason string) {
		if err == nil {
			err = ErrInvalid
		}
		err = err.With(field, reason)
	}
	if n := utf8.RuneCountInString(in.Title); strings.TrimSpace(in.Title) == "" || n > 100 {
		wrong("title", "1 … 100 个字 / characters")
	}
	if n := utf8.RuneCountInString(in.Body); strings.TrimSpace(in.Body) == "" || n > maxNotice {
		wrong("body", "1 … 20000 个字 / characters")
	}
	if in.EffectiveAt.Before(now.Add(-time.Minute)) || in.EffectiveAt.After(now.AddDate(1, 0, 0)) {
		wrong("effective_at", "从现在到一年以内 / from now to a year ahead")
	}
	if err != nil {
		return err
	}
	return nil
}

// digest says exactly what a customer has been told.
func digest(purpose string, version int, title, body string) []byte {
	// JSON keeps the parts apart, so that no other parts give the same text.
	text, err := json.Marshal([]any{purpose, version, title, body})
	if err != nil {
		panic(err) // texts and a number
	}
	sum := sha256.Sum256(text)
	return sum[:]
}

// Notices lists every version of every notice, the newest first within a purpose.
func (s *Service) Notices(ctx context.Context) ([]model.Notice, error) {
	return allNotices(s.db.WithContext(ctx))
}

// NoticesAt gives the notice of each purpose that was in effect at a time; absent where there was none.
func (s *Service) NoticesAt(ctx context.Context, at time.Time) (map[string]*model.Notice, error) {
	return noticesAt(s.db.WithContext(ctx), at)
}

// NoticeVersion finds one version of a purpose's notice, or fails with ErrNotFound.
func (s *Service) NoticeVersion(ctx context.Context, purpose string, version int) (*model.Notice, error) {
	return noticeVersion(s.db.WithContext(ctx), purpose, version)
}
