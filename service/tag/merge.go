package tag

import "gorm.io/gorm"

// MergeTx gives a customer the grants of another one who turned out to be the same person, after the
// relations were moved. moved are the rows that changed hands, for UndoMergeTx; a grant that
// both had from the same giver stays behind.
func (s *Service) MergeTx(tx *gorm.DB, from, into int64) (moved []int64, err error) {
	if moved, err = moveGrants(tx, from, into); err != nil {
		return nil, err
	}
	return moved, s.reproject(tx, from, into)
}

// UndoMergeTx gives back what MergeTx moved, as far as it is still there.
func (s *Service) UndoMergeTx(tx *gorm.DB, from, into int64, moved []int64) error {
	if err := setGrantOwner(tx, moved, into, from); err != nil {
		return err
	}
	return s.reproject(tx, from, into)
}

// reproject lets what customers bear follow a change of hands.
func (s *Service) reproject(tx *gorm.DB, customerIDs ...int64) error {
	return s.after(tx, customerIDs, "merge", func() error {
		p, err := project(tx, customerIDs) // one who is merged bears nothing, but is not locked as present
		if err != nil {
			return err
		}
		_, err = s.events.Record(tx, p.facts("merge", s.now(), nil)...)
		return err
	})
}
