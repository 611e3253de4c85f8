package privacy

import (
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
)

// topicMark begins the name under which a choice about a topic is kept in the place of a channel's.
const topicMark = "#"

// AboutTopic is what ChoiceInput.Channel is for a choice about a topic, whatever the channel.
func AboutTopic(topic string) string { return topicMark + topic }

// TopicOf is the topic that a choice is about; it is about a channel when ok is false.
func TopicOf(channel string) (topic string, ok bool) { return strings.CutPrefix(channel, topicMark) }

// Wish is what a customer wants of messages, and what stands in the way of writing to them.
type Wish struct {
	Gone    bool // there is no such customer, or they turned out to be another one
	Erasing bool // they have asked to be erased
	// Refusals says why a purpose is not allowed, by its name; what is absent is allowed.
	Refusals map[string]string
	// Choices are how much they want to hear: of all (""), by a channel, or about a topic (AboutTopic).
	Choices map[string]string
}

// Choice is how much they want to hear by a channel about a topic: the least of what they chose at all, for the channel and for
// the topic.
func (w *Wish) Choice(channel, topic string) string {
	least := All
	for _, name := range [3]string{"", channel, AboutTopic(topic)} {
		switch w.Choices[name] {
		case None:
			return None
		case Fewer:
			least = Fewer
		}
	}
	return least
}

// WishesTx tells of up to 1,000 customers what they want, for the purposes that messages serve (Marketing and Targeting); those
// about whom there is nothing to say are absent. It asks the database every time, in a handful of statements.
func (s *Service) WishesTx(tx *gorm.DB, ids []int64) (map[int64]*Wish, error) {
	out := map[int64]*Wish{}
	of := func(id int64) *Wish {
		w := out[id]
		if w == nil {
			w = &Wish{}
			out[id] = w
		}
		return w
	}
	minors, gone, err := oddOnes(tx, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range gone {
		of(id).Gone = true
	}
	all, stands, err := family(tx, ids)
	if err != nil {
		return nil, err
	}
	if err := s.refusals(tx, ids, all, stands, minors, of); err != nil {
		return nil, err
	}
	choices, err := choicesOf(tx, all)
	if err != nil {
		return nil, err
	}
	for _, c := range choices {
		w := of(stands[c.CustomerID])
		if w.Choices == nil {
			w.Choices = map[string]string{}
		}
		w.Choices[c.Channel] = c.Choice // in their order: the last one holds
	}
	leaving, err := openRequestsOf(tx, all, stands, RequestErase)
	for _, id := range leaving {
		of(id).Erasing = true
	}
	return out, err
}

// refusals decides about both purposes for everybody of whom there is something to decide.
func (s *Service) refusals(tx *gorm.DB, ids, all []int64, stands map[int64]int64, minors map[int64]bool, of func(int64) *Wish) error {
	notices, err := noticesAt(tx, s.now())
	if err != nil {
		return err
	}
	said, err := consentsAbout(tx, all, []string{Marketing, Targeting})
	if err != nil {
		return err
	}
	last := make(map[int64]map[string]*model.Consent, len(said))
	for i := range said {
		who := stands[said[i].CustomerID]
		if last[who] == nil {
			last[who] = map[string]*model.Consent{}
		}
		last[who][said[i].Purpose] = &said[i]
	}
	for _, purpose := range [2]string{Marketing, Targeting} {
		p, _ := purposeOf(purpose)
		silent := refusal(p, false, notices[purpose], nil)
		for _, id := range ids {
			why := silent
			if minors[id] || last[id] != nil {
				why = refusal(p, minors[id], notices[purpose], last[id][purpose])
			}
			if why == "" {
				continue
			}
			w := of(id)
			if w.Refusals == nil {
				w.Refusals = map[string]string{}
			}
			w.Refusals[purpose] = why
		}
	}
	return nil
}
