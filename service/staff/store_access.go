package staff

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

// lockStaff takes the row that orders everything about one person's access: who signs in and who
// takes access away meet here.
func lockStaff(tx *gorm.DB, id int64) (*model.Staff, error) {
	return findStaff(model.ForUpdate(tx), id)
}

func insertStaff(tx *gorm.DB, row *model.Staff) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert staff: %w", err)
	}
	return nil
}

func setDisabled(tx *gorm.DB, id int64, disabled bool, at time.Time) error {
	err := tx.Model(&model.Staff{}).Where("id = ?", id).Updates(map[string]any{"disabled": disabled, "updated_at": at}).Error
	if err != nil {
		return fmt.Errorf("set staff %d disabled: %w", id, err)
	}
	return nil
}

func findRoles(tx *gorm.DB, staffIDs []int64) (map[int64][]string, error) {
	found := map[int64][]string{}
	err := inBatches(slices.Clone(staffIDs), func(part []int64) error {
		var rows []model.StaffRole
		err := tx.Where("staff_id IN ?", part).Order("role").Find(&rows).Error
		for _, r := range rows {
			found[r.StaffID] = append(found[r.StaffID], r.Role)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	return found, nil
}

// HoldersTx lists the staff who may sign in and whose roles give all of some permissions, by row id.
func (s *Service) HoldersTx(tx *gorm.DB, permissions ...string) (ids []int64, err error) {
	rows, err := rolesOfEverybody(tx)
	if err != nil {
		return nil, err
	}
	roles := map[int64][]string{}
	for _, r := range rows {
		roles[r.StaffID] = append(roles[r.StaffID], r.Role)
	}
	for id, names := range roles {
		v := &Viewer{Roles: names}
		if !slices.ContainsFunc(permissions, func(p string) bool { return !v.May(p) }) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// rolesOfEverybody reads the roles of those who may sign in.
func rolesOfEverybody(tx *gorm.DB) (rows []model.StaffRole, err error) {
	err = tx.Joins("JOIN staff ON staff.id = staff_role.staff_id").Where("staff.disabled = ? AND staff.gone_at IS NULL", false).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	return rows, nil
}

func replaceRoles(tx *gorm.DB, staffID int64, names []string, at time.Time) error {
	if err := tx.Where("staff_id = ?", staffID).Delete(&model.StaffRole{}).Error; err != nil {
		return fmt.Errorf("drop roles of staff %d: %w", staffID, err)
	}
	if len(names) == 0 {
		return nil
	}
	rows := make([]model.StaffRole, len(names))
	for i, n := range names {
		rows[i] = model.StaffRole{StaffID: staffID, Role: n, CreatedAt: at}
	}
	if err := tx.Create(&rows).Error; err != nil {
		return fmt.Errorf("give roles to staff %d: %w", staffID, err)
	}
	return nil
}

// findLogin gives nil when there is none.
func findLogin(tx *gorm.DB, login string) (*model.StaffLogin, error) {
	return takeLogin(tx.Where("login = ?", login))
}

func loginOf(tx *gorm.DB, staffID int64) (*model.StaffLogin, error) {
	return takeLogin(tx.Where("staff_id = ?", staffID))
}

func takeLogin(tx *gorm.DB) (*model.StaffLogin, error) {
	var row model.StaffLogin
	err := tx.Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find login: %w", err)
	}
	return &row, nil
}

func putLogin(tx *gorm.DB, old *model.StaffLogin, row model.StaffLogin) error {
	if old == nil {
		if err := tx.Create(&row).Error; err != nil {
			return fmt.Errorf("insert login: %w", err)
		}
		return nil
	}
	err := tx.Model(&model.StaffLogin{}).Where("id = ?", old.ID).Updates(map[string]any{
		"login": row.Login, "password_hash": row.PasswordHash, "changed_at": row.ChangedAt, "updated_at": row.UpdatedAt,
	}).Error
	if err != nil {
		return fmt.Errorf("update login: %w", err)
	}
	return nil
}

func findFailures(tx *gorm.DB, buckets [][]byte) ([]model.SignInFailure, error) {
	var rows []model.SignInFailure
	if err := tx.Where("bucket IN ?", buckets).Order("bucket").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read sign-in failures: %w", err)
	}
	return rows, nil
}

// lockFailures gives a locked row for every bucket, made where there is none.
func lockFailures(tx *gorm.DB, buckets [][]byte, now time.Time) ([]model.SignInFailure, error) {
	rows := make([]model.SignInFailure, len(buckets))
	for i, b := range buckets {
		rows[i] = model.SignInFailure{Bucket: b, EndsAt: now, CreatedAt: now}
	}
	if err := model.InsertIgnore(tx).Create(&rows).Error; err != nil {
		return nil, fmt.Errorf("insert sign-in failures: %w", err)
	}
	return findFailures(model.ForUpdate(tx), buckets)
}

func updateFailure(tx *gorm.DB, row model.SignInFailure) error {
	err := tx.Model(&model.SignInFailure{}).Where("id = ?", row.ID).Updates(map[string]any{"failures": row.Failures, "ends_at": row.EndsAt}).Error
	if err != nil {
		return fmt.Errorf("count a failed sign-in: %w", err)
	}
	return nil
}

// subtractFailure takes back one counted attempt.
func subtractFailure(tx *gorm.DB, buckets [][]byte) error {
	err := tx.Model(&model.SignInFailure{}).Where("bucket IN ? AND failures > 0", buckets).Update("failures", gorm.Expr("failures - 1")).Error
	if err != nil {
		return fmt.Errorf("take back a sign-in attempt: %w", err)
	}
	return nil
}

func dropFailure(tx *gorm.DB, bucket []byte) error {
	if err := tx.Where("bucket = ?", bucket).Delete(&model.SignInFailure{}).Error; err != nil {
		return fmt.Errorf("forget sign-in failures: %w", err)
	}
	return nil
}

func insertSession(tx *gorm.DB, row *model.Session) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert session: %w", err)
	}
	return nil
}

// seat is a live session beside its owner and one of the owner's roles.
type seat struct {
	ID        int64
	StaffID   int64
	Face      string
	SeenAt    time.Time
	ExpiresAt time.Time
	AccountID int64
	UserID    string `gorm:"column:userid"`
	Name      string
	Role      *string
}

// findSeats gives the live session behind a token, once per role of its owner: one round trip per
// request tells who it is and what they may do now.
func findSeats(tx *gorm.DB, tokenHash []byte, now, idleSince time.Time) ([]seat, error) {
	var rows []seat
	err := tx.Raw(`SELECT s.id, s.staff_id, s.face, s.seen_at, s.expires_at, p.account_id, p.userid, p.name, r.role
		FROM session s JOIN staff p ON p.id = s.staff_id LEFT JOIN staff_role r ON r.staff_id = s.staff_id
		WHERE s.token_hash = ? AND s.revoked_at IS NULL AND s.expires_at > ? AND s.seen_at > ?
		AND p.disabled = ? AND p.gone_at IS NULL AND p.platform_status NOT IN (?, ?)
		ORDER BY r.role`, tokenHash, now, idleSince, false, statusDisabled, statusLeft).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	return rows, nil
}

// touchSession records use, unless another request did so since before.
func touchSession(tx *gorm.DB, id int64, now, before time.Time) error {
	err := tx.Model(&model.Session{}).Where("id = ? AND seen_at <= ? AND revoked_at IS NULL", id, before).Update("seen_at", now).Error
	if err != nil {
		return fmt.Errorf("touch session: %w", err)
	}
	return nil
}

func liveSessions(tx *gorm.DB, staffID int64, now, idleSince time.Time) ([]model.Session, error) {
	var rows []model.Session
	err := tx.Where("staff_id = ? AND revoked_at IS NULL AND expires_at > ? AND seen_at > ?", staffID, now, idleSince).
		Order("seen_at DESC, id DESC").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return rows, nil
}

func revokeByToken(tx *gorm.DB, tokenHash []byte, at time.Time) error {
	err := tx.Model(&model.Session{}).Where("token_hash = ? AND revoked_at IS NULL", tokenHash).Update("revoked_at", at).Error
	if err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

func revokeSession(tx *gorm.DB, staffID, id int64, at time.Time) (found bool, err error) {
	res := tx.Model(&model.Session{}).Where("id = ? AND staff_id = ? AND revoked_at IS NULL", id, staffID).Update("revoked_at", at)
	if res.Error != nil {
		return false, fmt.Errorf("revoke session: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}

func revokeSessions(tx *gorm.DB, staffIDs []int64, at time.Time) error {
	return inBatches(staffIDs, func(part []int64) error {
		err := tx.Model(&model.Session{}).Where("staff_id IN ? AND revoked_at IS NULL", part).Update("revoked_at", at).Error
		if err != nil {
			return fmt.Errorf("revoke sessions: %w", err)
		}
		return nil
	})
}

// prune deletes up to one batch of rows whose time, in the named column, has come.
func prune[Row any](tx *gorm.DB, column string, now time.Time) (deleted int, err error) {
	var ids []int64
	if err := tx.Model(new(Row)).Where(clause.Lte{Column: clause.Column{Name: column}, Value: now}).Limit(batch).Pluck("id", &ids).Error; err != nil {
		return 0, fmt.Errorf("find %T to prune: %w", *new(Row), err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	// The condition again: a counter may have begun anew meanwhile.
	res := tx.Where("id IN ?", ids).Where(clause.Lte{Column: clause.Column{Name: column}, Value: now}).Delete(new(Row))
	if res.Error != nil {
		return 0, fmt.Errorf("prune %T: %w", *new(Row), res.Error)
	}
	return len(ids), nil
}

func insertState(tx *gorm.DB, row *model.SignInState) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("begin a sign-in: %w", err)
	}
	return nil
}

// findState gives nil when there is none, or not any more.
func findState(tx *gorm.DB, stateHash, browserHash []byte, face string, now time.Time) (*model.SignInState, error) {
	var row model.SignInState
	err := tx.Where("state_hash = ? AND browser_hash = ? AND face = ? AND expires_at > ?", stateHash, browserHash, face, now).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find a sign-in state: %w", err)
	}
	return &row, nil
}

func dropState(tx *gorm.DB, id int64) (dropped bool, err error) {
	res := tx.Where("id = ?", id).Delete(&model.SignInState{})
	if res.Error != nil {
		return false, fmt.Errorf("use a sign-in state up: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}
