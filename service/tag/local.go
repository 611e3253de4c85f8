package tag

import (
	"gorm.io/gorm"
)

// deleteLocal makes gone what the platform doesn't know. Customers lose it in batches, soon.
func (s *Service) deleteLocal(tx *gorm.DB, ref Ref, it *item) error {
	now := s.now()
	if ref.Kind == kindGroup {
		tags, err := lockTagsOfGroup(tx, ref.ID)
		if err != nil {
			return err
		}
		for _, t := range tags {
			if err := s.gone(tx, TagRef(t.ID), t, now); err != nil {
				return err
			}
		}
	}
	if err := s.gone(tx, ref, it, now); err != nil {
		return err
	}
	return s.alignMirrors(tx, groupOf(ref, it))
}
