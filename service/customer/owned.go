package customer

import (
	"strconv"
	"time"

	"zhiyin/model"
)

// owned lists what moves when a customer turns out to be another one: every table with a customer_id has a
// line here, or is registered with Owns by the capability that keeps it. A test finds those that were
// forgotten.
var owned = []Mover{
	plain("identity"),
	plain("relation"),
	plain("tag_assignment"),
	table[model.TagGrant]{
		plain: "tag_grant",
		same:  func(r *model.TagGrant) string { return number(r.TagID) + "|" + r.Source + "|" + number(r.SourceID) },
		join: func(stays *model.TagGrant, goes model.TagGrant) {
			stays.ExpiresAt = laterEnd(stays.ExpiresAt, goes.ExpiresAt)
			stays.CreatedAt = *earlier(&stays.CreatedAt, &goes.CreatedAt)
		},
	},
	table[model.CustomerTag]{
		plain: "customer_tag",
		same:  func(r *model.CustomerTag) string { return number(r.TagID) },
		join:  joinTag,
	},
	table[model.TagRuleMember]{plain: "tag_rule_member", same: func(r *model.TagRuleMember) string { return number(r.RuleID) }},
	plain("tag_rule_act"),
	// The answers of the one who stands are the ones that count.
	table[model.CustomValue]{plain: "custom_value", same: func(r *model.CustomValue) string { return number(r.FieldID) }},
	// A check speaks of one content: whose content stays, their check does. Of what has none any more other customers see nothing.
	table[model.ContentCheck]{plain: "content_check", same: func(r *model.ContentCheck) string { return r.Field }},
	plain("event"),
	plain("event_aside"),
	days{},
	plain("customer_order"),
	plain("order_line"),
	plain("refund"),
	table[model.CustomerTrade]{plain: "customer_trade", same: one[model.CustomerTrade], join: joinTrade, part: partTrade},
	plain("group_member"),
	plain("task"),
	plain("id_conversion"),
	plain("coupon"),
	plain("coupon_use"),
	plain("coupon_gift"), // the giver; who took it is coupon_gift_taken
	plain("points_entry"),
	plain("points_lot"),
	table[model.CheckIn]{plain: "check_in", same: func(r *model.CheckIn) string { return number(int64(r.Day)) }},
	plain("tier_change"),
	table[model.CustomerTier]{plain: "customer_tier", same: one[model.CustomerTier], join: func(stays *model.CustomerTier, goes model.CustomerTier) {
		if goes.Level > stays.Level { // nobody loses a tier by being recognised
			stays.Level, stays.Since, stays.KeepUntil = goes.Level, goes.Since, goes.KeepUntil
		}
	}},
	plain("redemption"),
	plain("draw_try"),
	// Both codes of who was two work; the edges have a mover of their own, in referral.
	plain("referral_code"),
	plain("referral_reward"),
	plain("customer_note"),
	table[model.Delivery]{plain: "delivery", same: sameIntent}, // outreach knows better: it counts them
	table[model.MassQuota]{
		plain: "mass_quota",
		same:  func(r *model.MassQuota) string { return number(r.AccountID) + "|" + r.Period + "|" + number(r.GroupID) },
		join: func(stays *model.MassQuota, goes model.MassQuota) {
			stays.Used += goes.Used
			stays.Spent = stays.Spent || goes.Spent
		},
	},
	plain("subscribe_grant"),
	plain("kf_window"),
	plain("letter"),
	plain("task_message"),
	// A run that both made is one run: the one of who stands goes on.
	table[model.Enrolment]{plain: "enrolment", same: func(r *model.Enrolment) string {
		return number(r.JourneyID) + "|" + number(int64(r.Turn)) + "|" + r.EntryKey
	}},
	table[model.ContactBook]{plain: "contact_book", same: one[model.ContactBook], join: joinBook, part: partBook},
	table[model.CustomerTouch]{plain: "customer_touch", same: func(r *model.CustomerTouch) string { return r.Place }, join: joinTouch},
}

// unmoved are the tables with a customer_id that stay with the id they speak of.
var unmoved = map[string]string{
	"customer_merge":  "says which id became which",
	"merge_review":    "is about a pair of ids; who stands for them is looked up",
	"customer_change": "is the history of one id's own fields",
	"consent":         "a ledger: privacy reads the entries of both as one person's",
	"contact_choice":  "a ledger, as consent",
	"privacy_request": "says who asked; privacy reads those of both",
	"visit":           "whose token it is; whoever stands for them visits",
	"visit_count":     "counts one day's tries of one id",
	"reveal":          "is the record of what was shown of one id",
	"quality_finding": "is found anew every night",
	"points_account":  "is counted anew from the entries, which move",
	"campaign_member": "is the audience as it was frozen: whom it speaks of does not change afterwards",
	"segment_member":  "segments hear of merges: the one goes out, and the other comes in if they fit",
	"coupon_entry":    "a ledger: says whose the coupon was then",
	// A merge is a fact that lifecycle hears of.
	"customer_lifecycle": "is computed anew, from all that came over",
	"stage_change":       "is the history that one id's standing follows from, and goes on when a merge is undone",
}

// Owns registers a mover that is not a plain table, or that knows better than one: of one name the one
// registered last counts. Call it while parts are put together.
func (s *Service) Owns(m Mover) {
	for i, known := range s.movers {
		if known.Name() == m.Name() {
			s.movers[i] = m
			return
		}
	}
	s.movers = append(s.movers, m)
}

// joinTag follows the rule of customer_tag: it says who lets the tag be borne longest.
func joinTag(stays *model.CustomerTag, goes model.CustomerTag) {
	if end := laterEnd(stays.ExpiresAt, goes.ExpiresAt); end != stays.ExpiresAt {
		stays.ExpiresAt, stays.Source, stays.SourceID = end, goes.Source, goes.SourceID
	}
	stays.CreatedAt = *earlier(&stays.CreatedAt, &goes.CreatedAt)
}

// sameIntent: of two messages with one intent, the one who stays has got theirs.
func sameIntent(r *model.Delivery) string {
	return r.Source + "|" + number(r.SourceID) + "|" + r.Step + "|" + number(r.GroupID) + "|" + r.Occurrence
}

func number(id int64) string { return strconv.FormatInt(id, 10) }

// one is for tables with one row a customer.
func one[Row any](*Row) string { return "" }

// laterEnd is the later of two ends; nil is no end.
func laterEnd(a, b *time.Time) *time.Time {
	if a == nil || b == nil {
		return nil
	}
	return later(a, b)
}

// later is the later of two times; nil is no time.
func later(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.After(*a) {
		return b
	}
	return a
}

// earlier is the earlier of two times; nil is no time.
func earlier(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.Before(*a) {
		return b
	}
	return a
}
