package event

import (
	"strconv"
	"time"
)

// The kinds of facts about invitations. Names are data.
const (
	KindReferralTouched  = "referral.touched"
	KindReferralJoined   = "referral.joined"
	KindReferralCounted  = "referral.counted"
	KindReferralLeft     = "referral.left"
	KindReferralRewarded = "referral.rewarded"
)

// SourceReferral says that a fact comes from an invitation.
const SourceReferral = "referral"

// ReferralFact is what the facts about an edge, one customer invited by another, share.
type ReferralFact struct {
	ReferralID int64     `json:"referral_id"` // the programme
	EdgeID     int64     `json:"-"`
	InviterID  int64     `json:"inviter_id"`
	InviteeID  int64     `json:"invitee_id"`
	At         time.Time `json:"at"`
}

// about keys a fact by its edge: each happens to it once.
func (f ReferralFact) about(kind string, customerID int64) About {
	return About{Kind: kind, CustomerID: customerID, Source: SourceReferral, At: f.At, Key: kind + ":" + strconv.FormatInt(f.EdgeID, 10)}
}

// ReferralTouched 被邀请: a customer came by somebody's invitation, the first in the programme. It is about who was invited.
type ReferralTouched struct{ ReferralFact }

// About implements Fact.
func (f ReferralTouched) About() About { return f.about(KindReferralTouched, f.InviteeID) }

// ReferralJoined 受邀成功: who was invited is a newcomer and has done what is asked. It is about them.
type ReferralJoined struct{ ReferralFact }

// About implements Fact.
func (f ReferralJoined) About() About { return f.about(KindReferralJoined, f.InviteeID) }

// ReferralCounted 邀请有效: a friend stayed for the cool-off and counts. It is about the inviter.
type ReferralCounted struct{ ReferralFact }

// About implements Fact.
func (f ReferralCounted) About() About { return f.about(KindReferralCounted, f.InviterID) }

// ReferralLeft 好友流失: a friend who had joined left and counts no more. It is about the inviter.
type ReferralLeft struct {
	ReferralFact
	Reason string `json:"reason"`
}

// About implements Fact.
func (f ReferralLeft) About() About { return f.about(KindReferralLeft, f.InviterID) }

// ReferralRewarded 获得邀请奖励: points, a coupon, or a gift that waits to be handed over. It is about who gets it.
type ReferralRewarded struct {
	ReferralID int64     `json:"referral_id"`
	RewardID   int64     `json:"-"`
	Turn       int       `json:"-"`
	CustomerID int64     `json:"customer_id"`
	Role       string    `json:"role"` // inviter, invitee
	Friends    int64     `json:"friends,omitempty"`
	Kind       string    `json:"kind"`
	At         time.Time `json:"at"`
}

// About implements Fact. A reward that was taken back may be earned anew.
func (f ReferralRewarded) About() About {
	return About{
		Kind: KindReferralRewarded, CustomerID: f.CustomerID, Source: SourceReferral, At: f.At,
		Key: KindReferralRewarded + ":" + strconv.FormatInt(f.RewardID, 10) + ":" + strconv.Itoa(f.Turn),
	}
}
