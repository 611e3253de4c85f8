package staff

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// waitingRoles gives nil when nothing waits.
func waitingRoles(tx *gorm.DB, staffID int64) (*model.RoleRequest, error) {
	row, err := takeRoleRequest(tx.Where("staff_id = ? AND state = ?", staffID, RequestWaiting))
	if errors.Is(err, ErrNoRequest) {
		return nil, nil
	}
	return row, err
}

func roleRequestByID(tx *gorm.DB, id int64) (*model.RoleRequest, error) {
	return takeRoleRequest(tx.Where("id = ?", id))
}

func takeRoleRequest(tx *gorm.DB) (*model.RoleRequest, error) {
	var row model.RoleRequest
	err := tx.Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNoRequest
	}
	if err != nil {
		return nil, fmt.Errorf("find request for roles: %w", err)
	}
	return &row, nil
}

func insertRoleRequest(tx *gorm.DB, row *model.RoleRequest) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert request for roles: %w", err)
	}
	return nil
}

// closeRoleRequest ends a request that waits, and tells whether it did.
func closeRoleRequest(tx *gorm.DB, id int64, state string, by int64, at time.Time) (bool, error) {
	res := tx.Model(&model.RoleRequest{}).Where("id = ? AND state = ?", id, RequestWaiting).
		Updates(map[string]any{"state": state, "decided_by": by, "decided_at": at})
	if res.Error != nil {
		return false, fmt.Errorf("close request for roles: %w", res.Error)
	}
	return res.RowsAffected > 0, nil
}

func listRoleRequests(tx *gorm.DB, state string, before int64, limit int) (rows []model.RoleRequest, err error) {
	q := tx.Order("id DESC").Limit(limit)
	if state != "" {
		q = q.Where("state = ?", state)
	}
	if before > 0 {
		q = q.Where("id < ?", before)
	}
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list requests for roles: %w", err)
	}
	return rows, nil
}
