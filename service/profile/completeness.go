package profile

import (
	"crypto/rand"
	"slices"

	"zhiyin/model"
)

// fixedFields are those of every customer that count towards completeness.
var fixedFields = []struct {
	name  string
	known func(c *model.Customer, phone bool) bool
}{
	{"name", func(c *model.Customer, _ bool) bool { return c.Name != "" }},
	{"avatar", func(c *model.Customer, _ bool) bool { return c.Avatar != "" }},
	{"gender", func(c *model.Customer, _ bool) bool { return c.Gender != 0 }},
	{"city", func(c *model.Customer, _ bool) bool { return c.City != "" }},
	{"birthday", func(c *model.Customer, _ bool) bool { return len(c.SealedBirthday) > 0 }},
	{"phone", func(_ *model.Customer, phone bool) bool { return phone }},
}

// completeness says how much of what counts is known, in basis points, and what is missing. required are
// the names of custom fields that count, answered those of them that have an answer.
func completeness(c *model.Customer, phone bool, required, answered []string) (points int, missing []string) {
	for _, f := range fixedFields {
		if !f.known(c, phone) {
			missing = append(missing, f.name)
		}
	}
	for _, name := range required {
		if !slices.Contains(answered, name) {
			missing = append(missing, "field."+name)
		}
	}
	all := len(fixedFields) + len(required)
	return (all - len(missing)) * 10_000 / all, missing
}

// randomKey tells apart facts of one second.
func randomKey() string { return rand.Text()[:12] }
