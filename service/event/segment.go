package event

import (
	"fmt"
	"time"
)

// The kinds of facts about segments. Names are data.
const (
	KindSegmentEntered = "segment.entered"
	KindSegmentLeft    = "segment.left"
)

// SourceSegment is the source of facts that follow from a rule.
const SourceSegment = "segment"

// SegmentFact is what the facts about a customer's membership of a segment share.
type SegmentFact struct {
	SegmentID  int64     `json:"segment_id"`
	CustomerID int64     `json:"customer_id"`
	Stay       int       `json:"stay"` // which of the customer's stays in the segment; the first is 1
	At         time.Time `json:"at"`
}

// about: a stay begins once and ends once.
func (s SegmentFact) about(kind string) About {
	return About{Kind: kind, CustomerID: s.CustomerID, Source: SourceSegment, At: s.At, Key: fmt.Sprintf("%s:%d:%d:%d", kind, s.SegmentID, s.CustomerID, s.Stay)}
}

// SegmentEntered 进入人群: a customer came to be in a segment.
type SegmentEntered struct{ SegmentFact }

// About implements Fact.
func (f SegmentEntered) About() About { return f.about(KindSegmentEntered) }

// SegmentLeft 离开人群: a customer no longer is in a segment.
type SegmentLeft struct{ SegmentFact }

// About implements Fact.
func (f SegmentLeft) About() About { return f.about(KindSegmentLeft) }
