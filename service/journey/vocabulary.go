package journey

import "zhiyin/model"

// Word is a trigger or a step as the console draws its form.
type Word struct {
	Name   string
	Zh, En string
	Fields []Field
	// Outcomes are those of a step that always has the same; a split has those that people name.
	Outcomes []string
}

// Triggers lists what can start a journey.
func (s *Service) Triggers() (out []Word) {
	for _, t := range triggers {
		out = append(out, Word{t.Name, t.Zh, t.En, t.Fields, nil})
	}
	return out
}

// Steps lists what a journey can do in this house.
func (s *Service) Steps() (out []Word) {
	for _, st := range steps {
		if st.wired == nil || st.wired(s) {
			out = append(out, Word{st.Name, st.Zh, st.En, st.Fields, st.outcomes(Params{})})
		}
	}
	return out
}

// kindNames are what the console calls the kinds of things that fields name.
var kindNames = map[model.Kind]string{
	model.KindSegment: "segment", model.KindTag: "tag", model.KindStaff: "staff", model.KindAccount: "account", model.KindJourney: "journey",
	model.KindChannelCode: "channel_code", model.KindGroup: "group", model.KindCouponBatch: "coupon_batch", model.KindMessageVersion: "message",
}

// KindName is what the console calls the kind of thing that the field names; empty: it names none.
func (f Field) KindName() string { return kindNames[f.Kind] }
