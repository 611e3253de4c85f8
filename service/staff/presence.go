package staff

import (
	"errors"

	"gorm.io/gorm"

	"zhiyin/model"
)

var errNoUserID = errors.New("a staff member without a user id")

// EnsureTx finds a member, or makes a bare row for somebody whom a callback names and who has not
// been synchronised yet.
func (s *Service) EnsureTx(tx *gorm.DB, accountID int64, userid string) (*model.Staff, error) {
	if normal(userid) == "" {
		return nil, errNoUserID
	}
	all, err := s.ensureTx(tx, accountID, []string{userid})
	if err != nil {
		return nil, err
	}
	return all[normal(userid)], nil
}

func (s *Service) ensureTx(tx *gorm.DB, accountID int64, userids []string) (map[string]*model.Staff, error) {
	userids = lowered(userids)
	known, err := findByUserIDs(tx, accountID, userids)
	if err != nil || len(known) == len(userids) {
		return known, err
	}
	var bare []model.Staff
	now := s.now()
	for _, u := range userids {
		if known[u] == nil {
			bare = append(bare, model.Staff{AccountID: accountID, UserID: u, CreatedAt: now, UpdatedAt: now})
		}
	}
	if err := insertBare(tx, bare); err != nil {
		return nil, err
	}
	return findByUserIDs(tx, accountID, userids)
}

// SetServingTx records who has the customer-contact right: those listed, and nobody else of the
// account. Repeatable.
func (s *Service) SetServingTx(tx *gorm.DB, accountID int64, userids []string) error {
	listed, err := s.ensureTx(tx, accountID, userids)
	if err != nil {
		return err
	}
	serving, err := servingIDs(tx, accountID)
	if err != nil {
		return err
	}
	var begin []int64
	for _, row := range listed {
		if !serving[row.ID] {
			begin = append(begin, row.ID)
		}
		delete(serving, row.ID)
	}
	now := s.now()
	if err := setServing(tx, begin, true, now); err != nil {
		return err
	}
	return setServing(tx, keys(serving), false, now)
}

// LeftTx records that a member left the corp, or the app's sight: the mirror keeps the row, every
// session ends. Somebody unknown is nobody to part with. Repeatable.
func (s *Service) LeftTx(tx *gorm.DB, accountID int64, userid string) error {
	known, err := findByUserIDs(tx, accountID, lowered([]string{userid}))
	if err != nil {
		return err
	}
	return s.leave(tx, rowIDs(known))
}

func (s *Service) leave(tx *gorm.DB, ids []int64) error {
	now := s.now()
	if err := staffGone(tx, ids, now); err != nil {
		return err
	}
	return revokeSessions(tx, ids, now)
}
