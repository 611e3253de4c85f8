package model

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
)

// Kind says what a public id names. The number is part of every id ever given out: never reuse one.
type Kind uint16

// The kinds of things that have public ids.
const (
	KindAccount Kind = iota + 1
	KindDepartment
	KindStaff
	KindCustomer
	KindRelation
	KindTagGroup
	KindTag
	KindChannelCode
	KindWelcome
	KindMedia
	KindGroup
	KindGroupMember
	KindEvent
	KindInbox
	KindWork
	KindCronTick
	KindSyncRun
	KindTask
	KindSession
	KindCustomField
	KindNote
	KindNotice
	KindPrivacyRequest
	KindQualityFinding
	KindOrder
	KindRefund
	KindAPIKey
	KindWebhook
	KindWebhookDelivery
	KindEventAside
)

// The kinds of what rules about customers name.
const (
	KindSegment Kind = iota + 60
	KindProduct
	KindProductCategory
)

// KindLifecycleRun is one computation of where all customers stand.
const KindLifecycleRun Kind = 80

// The kinds of what is known about who is who.
const (
	KindMerge Kind = iota + 90
	KindMergeReview
)

// The kinds of what tags customers by itself.
const (
	KindTagBatch Kind = iota + 82
	KindTagRule
	KindTagRuleAct
)

// The kinds of journeys.
const (
	KindJourney Kind = iota + 140
	KindEnrolment
	KindRehearsal
)

// The kinds of tables that come in and go out.
const (
	KindImport Kind = iota + 100
	KindExport
)

// The kinds of messages to customers: one to one of them, one call of a platform, what keeps some from leaving.
const (
	KindDelivery Kind = iota + 120
	KindDeliveryCall
	KindDeliveryPause
)

// The kinds of what channels keep.
const (
	KindSenderTask Kind = iota + 160
	KindLetter
)

// The kinds of coupons and what is done with them.
const (
	KindCouponBatch Kind = iota + 150
	KindCoupon
	KindCouponEntry
	KindCouponUse
	KindCouponRun
	KindCouponBalance
)

// The kinds of the club.
const (
	KindPointsEntry Kind = iota + 190
	KindPointsRule
	KindReward
	KindRedemption
)

// The kinds of what is said.
const (
	KindMessage Kind = iota + 130
	KindMessageVersion
)

// The kinds of pushes.
const (
	KindCampaign Kind = iota + 180
	KindCampaignVariant
	KindCampaignRun
	KindShortLink
)

// The kinds of lucky draws.
const (
	KindDraw Kind = iota + 200
	KindDrawPrize
	KindDrawTry
)

// The kinds of referral.
const (
	KindReferral Kind = iota + 210
	KindReferralEdge
	KindReferralReward
)

// KindCouponGift is a coupon that a customer gives away.
const KindCouponGift Kind = 220

// KindContentCheck is what is known of something that a customer wrote.
const KindContentCheck Kind = 221

// KindRoleRequest is a change of somebody's roles that waits for a second person.
const KindRoleRequest Kind = 230

// PublicIDs turns row ids into the ids that leave the house and back: one AES block of kind and row
// id. They can't be guessed, counted, or used for a thing of another kind.
type PublicIDs struct{ block cipher.Block }

// NewPublicIDs takes a key of 16, 24 or 32 bytes. With another key every id given out before is void.
func NewPublicIDs(key []byte) (PublicIDs, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return PublicIDs{}, fmt.Errorf("public id key: %w", err)
	}
	return PublicIDs{block}, nil
}

// ErrNoSuchID is what every unreadable, forged or mixed-up id gets: as if the thing were absent.
var ErrNoSuchID = errors.New("no such id")

var idText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// publicIDLength is the length of every public id in characters.
const publicIDLength = 26

// Of gives the public id of a row: 26 lower-case letters and digits. Row 0 has the empty id.
func (p PublicIDs) Of(kind Kind, row int64) string {
	if row == 0 {
		return ""
	}
	var b [aes.BlockSize]byte
	binary.BigEndian.PutUint16(b[:2], uint16(kind))
	binary.BigEndian.PutUint64(b[8:], uint64(row))
	p.block.Encrypt(b[:], b[:])
	return idText.EncodeToString(b[:])
}

// Row gives the row id behind a public id of this kind, or ErrNoSuchID.
func (p PublicIDs) Row(kind Kind, id string) (int64, error) {
	if len(id) != publicIDLength {
		return 0, ErrNoSuchID
	}
	b, err := idText.DecodeString(id)
	if err != nil || len(b) != aes.BlockSize || idText.EncodeToString(b) != id {
		return 0, ErrNoSuchID
	}
	p.block.Decrypt(b, b)
	row := int64(binary.BigEndian.Uint64(b[8:]))
	zero := b[2] | b[3] | b[4] | b[5] | b[6] | b[7]
	if binary.BigEndian.Uint16(b[:2]) != uint16(kind) || zero != 0 || row <= 0 {
		return 0, ErrNoSuchID
	}
	return row, nil
}
