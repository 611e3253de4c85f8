package event

import (
	"strconv"
	"time"
)

// The kinds of facts about the club.
const (
	KindTierChanged   = "loyalty.tier_changed"
	KindPointsChanged = "loyalty.points_changed"
)

// SourceLoyalty says that a fact comes from the club.
const SourceLoyalty = "loyalty"

// TierChanged 会员等级变化: up or down; level 0 is none.
type TierChanged struct {
	CustomerID int64     `json:"customer_id"`
	ChangeID   int64     `json:"-"`
	From       int       `json:"from"`
	To         int       `json:"to"`
	At         time.Time `json:"at"`
}

// About implements Fact.
func (f TierChanged) About() About {
	return About{Kind: KindTierChanged, CustomerID: f.CustomerID, Source: SourceLoyalty, At: f.At, Key: KindTierChanged + ":" + strconv.FormatInt(f.ChangeID, 10)}
}

// PointsChanged 积分变动: a customer has other points than before, or points that expire at another time. One change may be
// several entries; EntryID is the last of them.
type PointsChanged struct {
	CustomerID int64     `json:"customer_id"`
	EntryID    int64     `json:"-"`
	Change     int64     `json:"change"`  // of the balance; below zero: fewer
	Balance    int64     `json:"balance"` // after it
	At         time.Time `json:"at"`
}

// About implements Fact.
func (f PointsChanged) About() About {
	return About{Kind: KindPointsChanged, CustomerID: f.CustomerID, Source: SourceLoyalty, At: f.At, Key: KindPointsChanged + ":" + strconv.FormatInt(f.EntryID, 10)}
}
