// Package draw is lucky draws 抽奖: prizes with stock and odds, and rolls that nobody can choose. When a draw is started the
// SHA-256 of its seed is published; every roll follows from the seed, the try's number and what the customer brings to it;
// when the draw ends the seed is published, and anybody can work out all rolls anew.
package draw

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/loyalty"
	"zhiyin/service/vault"
)

// The states of draws, the kinds of prizes, and what becomes of tries. Names are data.
const (
	StateDraft  = "draft"
	StateActive = "active"
	StatePaused = "paused"
	StateEnded  = "ended"

	Gift   = "gift"
	Coupon = "coupon"
	Points = "points"

	Nothing    = "nothing"
	Done       = "done"
	ToHandOver = "to_hand_over"
	HandedOver = "handed_over"
)

// Styles are the ways in which a mini-program may show a draw; they change nothing else.
var Styles = []string{"wheel", "scratch", "envelope"}

// Segments knows who is in which segment.
type Segments interface {
	Contains(ctx context.Context, id int64, customers ...int64) ([]int64, error)
	Size(ctx context.Context, id int64) (int64, error)
}

// Purse is what tries are paid from, and what points are won into.
type Purse interface {
	SpendTx(tx *gorm.DB, in loyalty.Spending) (*model.PointsEntry, error)
	EarnTx(tx *gorm.DB, in loyalty.Earning) (*model.PointsEntry, error)
}

// Deps is what a Service is made of.
type Deps struct {
	DB       *gorm.DB
	Now      clock.Clock
	Zone     *time.Location
	Vault    *vault.Vault
	Segments Segments
	Purse    Purse
	// Coupons is what prizes of the kind coupon are given by; nil: there are none.
	Coupons loyalty.Coupons
	Logger  *slog.Logger
}

// Service owns draws. Safe for concurrent use.
type Service struct{ Deps }

// New makes a Service.
func New(d Deps) *Service { return &Service{d} }

// Draw is a draw with its prizes, in their order.
type Draw struct {
	model.LuckyDraw
	Prizes []model.DrawPrize
}

// Get gives a draw. It fails with ErrNotFound.
func (s *Service) Get(ctx context.Context, id int64) (*Draw, error) {
	return get(s.DB.WithContext(ctx), id)
}

// List gives a page of draws, the newest first; those that customers may see now when open is true.
func (s *Service) List(ctx context.Context, open bool, before int64, limit int) ([]model.LuckyDraw, error) {
	return drawsBefore(s.DB.WithContext(ctx), open, s.Now(), before, limit)
}

// dayNumber is the business day of a moment as yyyymmdd.
func (s *Service) dayNumber(t time.Time) int {
	y, m, d := t.In(s.Zone).Date()
	return y*10000 + int(m)*100 + d
}
