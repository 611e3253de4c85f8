package segment

import (
	"encoding/json"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Vocabulary is what the rules of this house may name besides the registry: its custom fields, and the trees of
// departments and product categories.
type Vocabulary struct {
	custom      map[string]model.CustomField
	departments map[int64][]int64 // each with itself and all below
	categories  map[int64][]int64
}

// LoadVocabulary reads it as it is now.
func LoadVocabulary(tx *gorm.DB) (*Vocabulary, error) {
	v := &Vocabulary{custom: map[string]model.CustomField{}}
	var custom []model.CustomField
	if err := tx.Where("gone_at IS NULL").Find(&custom).Error; err != nil {
		return nil, fmt.Errorf("read custom fields: %w", err)
	}
	for _, c := range custom {
		v.custom[c.Name] = c
	}
	var departments []struct{ ID, AccountID, PlatformID, ParentPlatformID int64 }
	if err := tx.Table("department").Where("gone_at IS NULL").Find(&departments).Error; err != nil {
		return nil, fmt.Errorf("read departments: %w", err)
	}
	type place struct{ account, id int64 }
	rows := map[place]int64{}
	for _, d := range departments {
		rows[place{d.AccountID, d.PlatformID}] = d.ID
	}
	parents := map[int64]int64{}
	for _, d := range departments {
		parents[d.ID] = rows[place{d.AccountID, d.ParentPlatformID}]
	}
	v.departments = subtrees(parents)
	var categories []struct{ ID, ParentID int64 }
	if err := tx.Table("product_category").Find(&categories).Error; err != nil {
		return nil, fmt.Errorf("read product categories: %w", err)
	}
	parents = map[int64]int64{}
	for _, c := range categories {
		parents[c.ID] = c.ParentID
	}
	v.categories = subtrees(parents)
	return v, nil
}

// subtrees gives for every node itself and all that are below it. It ends even if there is a circle.
func subtrees(parents map[int64]int64) map[int64][]int64 {
	out := map[int64][]int64{}
	for id := range parents {
		seen := map[int64]bool{}
		for at := id; at != 0 && !seen[at]; at = parents[at] {
			seen[at] = true
			if _, known := parents[at]; known {
				out[at] = append(out[at], id)
			}
		}
	}
	for _, ids := range out {
		slices.Sort(ids)
	}
	return out
}

// leaf is a condition with all that is known of its field.
type leaf struct {
	*Condition
	field   *Field
	about   string // which custom field, which kind of event, which salt
	kind    Type   // of the field; of a custom field its own
	choices []Choice
	custom  model.CustomField
}

// kindOfCustom is the type of each kind of custom field.
var kindOfCustom = map[string]Type{"text": Text, "number": Decimal, "date": Day, "choice": Choices, "choices": Names}

// leaf resolves a condition's field; why says what is wrong with it.
func (v *Vocabulary) leaf(c *Condition) (l *leaf, why string) {
	field, about := fieldOf(c.Field)
	if field == nil {
		return nil, "no such field"
	}
	l = &leaf{Condition: c, field: field, about: about, kind: field.Type, choices: field.Choices}
	switch {
	case field.Name == "custom":
		custom, ok := v.custom[about]
		if !ok || custom.Sealed || kindOfCustom[custom.Kind] == "" {
			return nil, "no such custom field, or one that rules may not ask about"
		}
		l.custom, l.kind = custom, kindOfCustom[custom.Kind]
		if l.kind == Choices || l.kind == Names {
			l.choices = choicesOf(custom)
		}
	case field.Type == Happening && !eventKind.MatchString(about):
		return nil, "event. and a kind of event"
	case field.Type == Share && !shareSalt.MatchString(about):
		return nil, "share. and 1 … 32 small letters and digits"
	}
	return l, ""
}

func choicesOf(custom model.CustomField) []Choice {
	var values []string
	if json.Unmarshal([]byte(custom.Choices), &values) != nil {
		return nil
	}
	out := make([]Choice, len(values))
	for i, value := range values {
		out[i] = Choice{value, value, value}
	}
	return out
}
