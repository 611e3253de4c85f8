package event

import (
	"strconv"
	"time"
)

// KindTierChanged: a customer's tier in the club is another one.
const KindTierChanged = "loyalty.tier_changed"

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
