package tag

import (
	"cmp"

	"zhiyin/service/event"
	"zhiyin/service/staff"
)

// Origin says who or what gives a tag, or takes one away. Source is data, stored in rows.
type Origin struct {
	Source string
	ID     int64 // which staff member, batch, rule, import, …; 0: not one of several
}

// The sources that this package gives itself. Others are handed in: a rule, an import, the open API.
const (
	SourceWeCom   = "wecom"             // the platform showed it; the id is the staff member's who follows
	SourceConsole = event.SourceConsole // somebody at the console; the id is the staff member's
	SourceSidebar = "sidebar"           // a staff member beside a chat; the id is theirs
	SourceBatch   = "batch"             // the id is the batch's
	SourceRule    = "rule"              // the id is the automatic rule's
	SourceJourney = "journey"           // the id is the journey's

	sourceChannelCode = "channel_code" // the id is the code's
	// sourceMirror marks assignments that follow from the grants of the customer and give nothing themselves.
	sourceMirror = "mirror"
	// sourcePlatform is the source of a change that the platform forced on us.
	sourcePlatform = "platform"
	sourceExpiry   = "expiry"
)

// byHand is a person who gives or takes tags where they are signed in: the console or the sidebar.
func byHand(v *staff.Viewer) Origin { return Origin{cmp.Or(v.Face, SourceConsole), v.StaffID} }
