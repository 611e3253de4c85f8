package console

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"zhiyin/service/fault"
)

// ErrBadCursor is answered to a cursor that this list did not give.
var ErrBadCursor = fault.New(fault.Invalid, "bad_cursor", "翻页位置无效，请从第一页开始", "this cursor is not from this list; begin at the first page")

// Cursors seals the places at which pages of lists end. A place holds row ids, so callers can
// neither read it, nor make one, nor use that of another list.
type Cursors struct{ aead cipher.AEAD }

// NewCursors takes a key of 16, 24 or 32 bytes. With another key every cursor given out before is void.
func NewCursors(key []byte) (Cursors, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return Cursors{}, fmt.Errorf("cursor key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Cursors{}, fmt.Errorf("cursor key: %w", err)
	}
	return Cursors{aead}, nil
}

// The lists that have pages; a cursor is valid in its own alone.
const (
	listCampaign       = "campaign"
	listActivity       = "staff_activity"
	listCampaignRun    = "campaign_run"
	listCampaignMember = "campaign_member"
	listChannelCode    = "channel_code"
	listCronTick       = "cron_tick"
	listCustomer       = "customer"
	listDelivery       = "delivery"
	listSent           = "customer_delivery"
	listEvent          = "event"
	listGroup          = "group"
	listGroupMember    = "group_member"
	listExport         = "export"
	listRoleRequest    = "role_request"
	listImport         = "import"
	listImportProblem  = "import_problem"
	listInbox          = "inbox"
	listLifecycleRun   = "lifecycle_run"
	listMedia          = "media"
	listMessage        = "message"
	listOrder          = "order"
	listPointsEntry    = "points_entry"
	listRedemption     = "redemption"
	listDraw           = "draw"
	listDrawTry        = "draw_try"
	listReferral       = "referral"
	listReferralEdge   = "referral_edge"
	listReferralReward = "referral_reward"
	listContentCheck   = "content_check"
	listProduct        = "product"
	listRefund         = "refund"
	listStaff          = "staff"
	listSyncRun        = "sync_run"
	listTask           = "task"
	listSenderTask     = "sender_task"
	listWebhookSent    = "webhook_delivery"
	listWork           = "work"
	listSegment        = "segment"
	listSegmentBuild   = "segment_build"
	listSegmentMember  = "segment_member"
	listMerge          = "merge"
	listMergeReview    = "merge_review"
	listEventAside     = "event_aside"
	listTagBatch       = "tag_batch"
	listTagRule        = "tag_rule"
	listTagRuleAct     = "tag_rule_act"
	listFinding        = "finding"
	listJourney        = "journey"
	listEnrolment      = "enrolment"
	listCustomersRuns  = "customer_enrolment"
	listRehearsal      = "rehearsal"
	listNote           = "note"
	listReveal         = "reveal"
	listPrivacyRequest = "privacy_request"
	listCouponBatch    = "coupon_batch"
	listCoupon         = "coupon"
	listCouponEntry    = "coupon_entry"
	listCouponGift     = "coupon_gift"
	listCouponRun      = "coupon_run"
	listCouponBalance  = "coupon_balance"
)

// seal makes the cursor of a place in a list; the zero place is the end and has none.
func seal[P comparable](c Cursors, list string, place P) (string, error) {
	var end P
	if place == end {
		return "", nil
	}
	plain, err := json.Marshal(place)
	if err != nil {
		return "", fmt.Errorf("seal a cursor of %s: %w", list, err)
	}
	return base64.RawURLEncoding.EncodeToString(c.aead.Seal(nil, nil, plain, []byte(list))), nil
}

// unseal gives the place behind a cursor of the list, or ErrBadCursor; the zero place for none.
func unseal[P comparable](c Cursors, list, cursor string) (place P, err error) {
	if cursor == "" {
		return place, nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return place, ErrBadCursor
	}
	plain, err := c.aead.Open(nil, nil, sealed, []byte(list))
	if err != nil || json.Unmarshal(plain, &place) != nil {
		return place, ErrBadCursor
	}
	return place, nil
}

// newPage is a page of a list and the place where it ended: zero after the last.
func newPage[T any, P comparable](h *Handlers, list string, items []T, end P) (*Page[T], error) {
	cursor, err := seal(h.Cursors, list, end)
	if err != nil {
		return nil, err
	}
	p := whole(items)
	p.Body.NextCursor = cursor
	return p, nil
}

// whole is a list that has one page.
func whole[T any](items []T) *Page[T] {
	p := &Page[T]{}
	if items == nil {
		items = []T{}
	}
	p.Body.Items = items
	return p
}

// lastOf is the row id of the last row of a page that is full, else zero.
func lastOf[R any](rows []R, limit int, id func(R) int64) int64 {
	if len(rows) < limit || len(rows) == 0 {
		return 0
	}
	return id(rows[len(rows)-1])
}
