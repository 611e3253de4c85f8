package autotag

import (
	"slices"

	"gorm.io/gorm"

	"zhiyin/service/segment"
)

// followTags are the kinds of events that follow from tags themselves: what waits for them is better said as a condition,
// of which it is known what it reads.
var followTags = []string{"customer.tag_changed", "segment.entered", "segment.left"}

// edges says which tags a rule reads and which it gives.
type edges struct{ reads, gives []int64 }

// checkLoops refuses a rule that would, perhaps by way of others and of segments, set itself off.
func (s *Service) checkLoops(tx *gorm.DB, id int64, d *Definition) error {
	if d.Occurrence != nil && slices.ContainsFunc(d.Occurrence.Kinds, func(k string) bool { return slices.Contains(followTags, k) }) {
		return ErrRule.With("occurrence.kinds", "标签和人群的变化请用条件 / say it as a condition on tags or segments")
	}
	if d.Occurrence != nil || d.Condition == nil || !d.Enabled {
		return nil // it acts when something happens, which giving tags is not
	}
	reads, err := s.reads(tx, d.Condition)
	if err != nil || len(reads) == 0 {
		return err
	}
	rules, err := s.enabled(tx)
	if err != nil {
		return err
	}
	var all []edges
	for _, r := range rules {
		if r.ID == id || !r.standing() {
			continue
		}
		theirs, err := s.reads(tx, r.condition)
		if err != nil {
			return err
		}
		all = append(all, edges{theirs, r.tags})
	}
	if meets(reachable(d.TagIDs, all), reads) {
		return ErrLoop
	}
	return nil
}

// reachable are the tags that may change because these do.
func reachable(tags []int64, rules []edges) []int64 {
	for {
		before := len(tags)
		for _, e := range rules {
			if meets(tags, e.reads) {
				for _, t := range e.gives {
					if !slices.Contains(tags, t) {
						tags = append(slices.Clip(tags), t)
					}
				}
			}
		}
		if len(tags) == before {
			return tags
		}
	}
}

func meets(a, b []int64) bool {
	return slices.ContainsFunc(a, func(id int64) bool { return slices.Contains(b, id) })
}

// reads lists the tags that a condition asks about, by way of segments too.
func (s *Service) reads(tx *gorm.DB, condition *segment.Rule) (tags []int64, err error) {
	e, err := s.env(tx, false)
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	for open := []*segment.Rule{condition}; len(open) > 0; {
		r := open[0]
		open = open[1:]
		r.Each(func(_ string, c *segment.Condition) {
			if c.Field == "tag" {
				for _, v := range c.Values {
					tags = append(tags, v.Number)
				}
			}
		})
		ids := slices.DeleteFunc(r.Segments(), func(id int64) bool { return seen[id] })
		for _, id := range ids {
			seen[id] = true
		}
		if len(ids) == 0 {
			continue
		}
		texts, err := segmentRules(tx, ids)
		if err != nil {
			return nil, err
		}
		for _, text := range texts {
			if sub, err := segment.Decode([]byte(text), segment.RowIDs, e.Known); err == nil {
				open = append(open, sub)
			}
		}
	}
	return tags, nil
}
