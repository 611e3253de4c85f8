package journey

import (
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// trigger is a way in which journeys start. Its name is data: never rename one.
type trigger struct {
	Name   string
	Zh, En string
	Fields []Field
	// on gives the event that starts the journey; nil: no event does.
	on func(p Params) *Happening
	// due gives the moments at which the clock starts it, after one and up to another; nil: the clock doesn't.
	due func(p Params, after, to time.Time, zone *time.Location) []time.Time
	// who gives the next customers, above a row id, whom the clock enrols at a moment, or who are enrolled when the journey
	// begins; nil: nobody.
	who func(tx *gorm.DB, p Params, at time.Time, zone *time.Location, after int64, limit int) ([]int64, error)
	// tell adds what those may say whom the clock enrols, and the key of their run; nil: nothing.
	tell func(tx *gorm.DB, p Params, at time.Time, zone *time.Location, in []candidate) error
	// now tells whether those who are there are enrolled when the journey begins; nil: they aren't.
	now func(p Params) bool
	// called: other systems start it.
	called bool
}

// triggerOf finds a trigger; nil when there is none of that name.
func triggerOf(name string) *trigger {
	i := slices.IndexFunc(triggers, func(t *trigger) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return triggers[i]
}

// whom says which members of a segment are enrolled. Names are data.
var whom = Field{Name: "whom", Zh: "谁进入", En: "who enters", Type: Choosing, Choices: []Choice{
	{"future", "今后进入人群的", "those who come into the segment from now on"}, {"now", "现在在人群里的", "those who are in it now"}, {"both", "现在和今后的", "both"},
}}

var segmentField = Field{Name: "segment", Zh: "人群", En: "segment", Type: Ref, Required: true, Kind: model.KindSegment}

// triggers is the one table of what can start a journey.
var triggers = []*trigger{
	{
		Name: "event", Zh: "发生某事", En: "Something happens",
		Fields: []Field{{Name: "event", Zh: "事件", En: "event", Type: Happens, Required: true}},
		on:     func(p Params) *Happening { return param[*Happening](p, "event") },
	}, {
		Name: "segment_entered", Zh: "进入人群", En: "Comes into a segment", Fields: []Field{segmentField, whom},
		on: func(p Params) *Happening {
			if p.text("whom") == "now" {
				return nil
			}
			return about(event.KindSegmentEntered, "segment_id", p.number("segment"))
		},
		now: func(p Params) bool { return p.text("whom") == "now" || p.text("whom") == "both" },
		who: inSegment,
	}, {
		Name: "segment_left", Zh: "离开人群", En: "Leaves a segment", Fields: []Field{segmentField},
		on: func(p Params) *Happening { return about(event.KindSegmentLeft, "segment_id", p.number("segment")) },
	}, {
		Name: "channel_code", Zh: "扫渠道活码添加", En: "Scans a channel code",
		Fields: []Field{{Name: "code", Zh: "渠道活码", En: "channel code", Type: Ref, Required: true, Kind: model.KindChannelCode}},
		on:     func(p Params) *Happening { return about(event.KindCustomerAdded, "channel_code_id", p.number("code")) },
	}, {
		Name: "date", Zh: "生日等日期", En: "A date such as the birthday", Fields: dateFields, due: dateDue, who: onDate, tell: tellDate,
	}, {
		Name: "schedule", Zh: "定时", En: "A schedule",
		Fields: []Field{{Name: "cron", Zh: "时间（cron）", En: "when (cron)", Type: Cron, Required: true}, segmentField},
		due:    cronDue, who: inSegment,
	}, {
		Name: "journey", Zh: "另一个旅程", En: "Another journey",
		Fields: []Field{
			{Name: "journey", Zh: "旅程", En: "journey", Type: Ref, Required: true, Kind: model.KindJourney},
			{Name: "when", Zh: "何时", En: "when", Type: Choosing, Required: true, Choices: []Choice{
				{"exited", "结束时", "it ends"}, {"goal", "达成目标时", "its goal is reached"}, {"entered", "进入时", "it is entered"},
			}},
		},
		on: func(p Params) *Happening {
			kinds := map[string]string{"exited": event.KindJourneyExited, "goal": event.KindJourneyGoal, "entered": event.KindJourneyEntered}
			return about(kinds[p.text("when")], "journey_id", p.number("journey"))
		},
	}, {
		Name: "api", Zh: "接口或另一旅程的步骤", En: "The API, or a step of another journey", called: true,
	},
}

// about is an event that names a row.
func about(kind, property string, id int64) *Happening {
	return &Happening{Kind: kind, Where: []Match{{Property: property, Op: "is", Value: number(id)}}}
}
