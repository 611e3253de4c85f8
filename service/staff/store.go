package staff

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

// batch is how many rows or values one statement takes; SQLite allows 32,766 parameters.
const batch = 500

func keys[K comparable, V any](m map[K]V) []K { return slices.Collect(maps.Keys(m)) }

func rowIDs(rows map[string]*model.Staff) []int64 {
	ids := make([]int64, 0, len(rows))
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return ids
}

// lowered gives each user id once, in lower case.
func lowered(userids []string) []string {
	set := make(map[string]bool, len(userids))
	for _, u := range userids {
		if u = normal(u); u != "" {
			set[u] = true
		}
	}
	return keys(set)
}

// inBatches calls fn with sorted pieces of a list, so that rows are always locked in one order.
func inBatches[T int64 | string](list []T, fn func(part []T) error) error {
	slices.Sort(list)
	for part := range slices.Chunk(list, batch) {
		if err := fn(part); err != nil {
			return err
		}
	}
	return nil
}

func allDepartments(tx *gorm.DB, accountID int64) (map[int64]model.Department, error) {
	var rows []model.Department
	if err := tx.Where("account_id = ?", accountID).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read departments: %w", err)
	}
	byPlatformID := make(map[int64]model.Department, len(rows))
	for _, r := range rows {
		byPlatformID[r.PlatformID] = r
	}
	return byPlatformID, nil
}

func findDepartment(tx *gorm.DB, id int64) (*model.Department, error) {
	var row model.Department
	err := tx.Take(&row, id).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read department: %w", err)
	}
	return &row, nil
}

func presentDepartments(tx *gorm.DB, accountID int64) ([]model.Department, error) {
	var rows []model.Department
	err := tx.Where("account_id = ? AND gone_at IS NULL", accountID).Order("position DESC, platform_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list departments: %w", err)
	}
	return rows, nil
}

func putDepartments(tx *gorm.DB, rows []model.Department) error {
	if len(rows) == 0 {
		return nil
	}
	err := tx.Clauses(upsert([]string{"account_id", "platform_id"},
		"parent_platform_id", "name", "position", "gone_at", "updated_at")).CreateInBatches(rows, batch).Error
	if err != nil {
		return fmt.Errorf("write departments: %w", err)
	}
	return nil
}

func upsert(key []string, columns ...string) clause.OnConflict {
	c := clause.OnConflict{DoUpdates: clause.AssignmentColumns(columns)}
	for _, k := range key {
		c.Columns = append(c.Columns, clause.Column{Name: k})
	}
	return c
}

func departmentsGone(tx *gorm.DB, ids []int64, at time.Time) error {
	return inBatches(ids, func(part []int64) error {
		err := tx.Model(&model.Department{}).Where("id IN ?", part).Updates(map[string]any{"gone_at": at, "updated_at": at}).Error
		if err != nil {
			return fmt.Errorf("mark departments as gone: %w", err)
		}
		return nil
	})
}

func ledDepartments(tx *gorm.DB, staffID int64) ([]int64, error) {
	var ids []int64
	err := tx.Model(&model.StaffDepartment{}).Where("staff_id = ? AND is_leader = ?", staffID, true).Pluck("department_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("read led departments: %w", err)
	}
	return ids, nil
}

func staffIn(tx *gorm.DB, departmentIDs []int64) ([]int64, error) {
	var all []int64
	err := inBatches(departmentIDs, func(part []int64) error {
		var ids []int64
		err := tx.Model(&model.StaffDepartment{}).Where("department_id IN ?", part).Distinct().Pluck("staff_id", &ids).Error
		all = append(all, ids...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read staff of departments: %w", err)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

func findStaff(tx *gorm.DB, id int64) (*model.Staff, error) {
	var row model.Staff
	err := tx.Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find staff %d: %w", id, err)
	}
	return &row, nil
}

func findByUserIDs(tx *gorm.DB, accountID int64, userids []string) (map[string]*model.Staff, error) {
	found := make(map[string]*model.Staff, len(userids))
	err := inBatches(userids, func(part []string) error {
		var rows []*model.Staff
		err := tx.Where("account_id = ? AND userid IN ?", accountID, part).Order("id").Find(&rows).Error
		for _, r := range rows {
			found[r.UserID] = r
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find staff by user id: %w", err)
	}
	return found, nil
}

func lockByUserIDs(tx *gorm.DB, accountID int64, userids []string) (map[string]*model.Staff, error) {
	return findByUserIDs(model.ForUpdate(tx).Session(&gorm.Session{}), accountID, userids)
}

func listStaff(tx *gorm.DB, f Filter) ([]model.Staff, error) {
	q := tx.Where("id > ?", f.After)
	if f.AccountID != nil {
		q = q.Where("account_id = ?", *f.AccountID)
	}
	if !f.Gone {
		q = q.Where("gone_at IS NULL")
	}
	if f.Search != "" {
		like := "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(f.Search) + "%"
		q = q.Where("(name LIKE ? ESCAPE '!' OR alias LIKE ? ESCAPE '!' OR userid LIKE ? ESCAPE '!')", like, like, strings.ToLower(like))
	}
	var rows []model.Staff
	if err := q.Order("id").Limit(f.Limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list staff: %w", err)
	}
	return rows, nil
}

func insertBare(tx *gorm.DB, rows []model.Staff) error {
	slices.SortFunc(rows, func(a, b model.Staff) int { return strings.Compare(a.UserID, b.UserID) })
	if err := model.InsertIgnore(tx).CreateInBatches(rows, batch).Error; err != nil {
		return fmt.Errorf("insert bare staff: %w", err)
	}
	return nil
}

func putStaff(tx *gorm.DB, rows []model.Staff) error {
	if len(rows) == 0 {
		return nil
	}
	for i := range rows {
		rows[i].ID = 0 // the unique key finds the row
	}
	slices.SortFunc(rows, func(a, b model.Staff) int { return strings.Compare(a.UserID, b.UserID) })
	err := tx.Clauses(upsert([]string{"account_id", "userid"},
		"name", "alias", "avatar", "position", "main_department", "platform_status", "gone_at", "updated_at")).CreateInBatches(rows, batch).Error
	if err != nil {
		return fmt.Errorf("write staff: %w", err)
	}
	return nil
}

// presentExcept lists the rows of an account's staff that are here for us and not among members.
func presentExcept[M any](tx *gorm.DB, accountID int64, members map[string]M) ([]int64, error) {
	var rows []model.Staff
	err := tx.Select("id", "userid").Where("account_id = ? AND gone_at IS NULL", accountID).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read present staff: %w", err)
	}
	var ids []int64
	for _, r := range rows {
		if _, ok := members[r.UserID]; !ok {
			ids = append(ids, r.ID)
		}
	}
	return ids, nil
}

func staffGone(tx *gorm.DB, ids []int64, at time.Time) error {
	return inBatches(ids, func(part []int64) error {
		err := tx.Model(&model.Staff{}).Where("id IN ? AND gone_at IS NULL", part).
			Updates(map[string]any{"gone_at": at, "serves_customers": false, "updated_at": at}).Error
		if err != nil {
			return fmt.Errorf("mark staff as gone: %w", err)
		}
		return nil
	})
}

func servingIDs(tx *gorm.DB, accountID int64) (map[int64]bool, error) {
	var ids []int64
	err := tx.Model(&model.Staff{}).Where("account_id = ? AND serves_customers = ?", accountID, true).Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("read serving staff: %w", err)
	}
	set := make(map[int64]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set, nil
}

func setServing(tx *gorm.DB, ids []int64, serves bool, at time.Time) error {
	return inBatches(ids, func(part []int64) error {
		err := tx.Model(&model.Staff{}).Where("id IN ?", part).Updates(map[string]any{"serves_customers": serves, "updated_at": at}).Error
		if err != nil {
			return fmt.Errorf("set serving staff: %w", err)
		}
		return nil
	})
}

func findBelongings(tx *gorm.DB, staffIDs []int64) (map[int64][]model.StaffDepartment, error) {
	found := map[int64][]model.StaffDepartment{}
	err := inBatches(staffIDs, func(part []int64) error {
		var rows []model.StaffDepartment
		err := tx.Where("staff_id IN ?", part).Find(&rows).Error
		for _, r := range rows {
			found[r.StaffID] = append(found[r.StaffID], r)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read memberships: %w", err)
	}
	return found, nil
}

func dropBelongings(tx *gorm.DB, ids []int64) error {
	return inBatches(ids, func(part []int64) error {
		if err := tx.Where("id IN ?", part).Delete(&model.StaffDepartment{}).Error; err != nil {
			return fmt.Errorf("drop memberships: %w", err)
		}
		return nil
	})
}

func putBelongings(tx *gorm.DB, rows []model.StaffDepartment) error {
	if len(rows) == 0 {
		return nil
	}
	err := tx.Clauses(upsert([]string{"staff_id", "department_id"}, "is_leader")).CreateInBatches(rows, batch).Error
	if err != nil {
		return fmt.Errorf("write memberships: %w", err)
	}
	return nil
}
