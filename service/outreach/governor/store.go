package governor

import (
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

// lockBooks reads the books that are there, and holds them until the transaction ends.
func lockBooks(tx *gorm.DB, customerIDs []int64) (map[int64]*model.ContactBook, error) {
	rows, err := model.ForUpdate(tx).Model(&model.ContactBook{}).Select("id, customer_id, marks").
		Where("customer_id IN ?", customerIDs).Order("customer_id").Rows()
	if err != nil {
		return nil, fmt.Errorf("lock contact books: %w", err)
	}
	defer rows.Close()
	out := make(map[int64]*model.ContactBook, len(customerIDs))
	for rows.Next() {
		b := &model.ContactBook{}
		if err := rows.Scan(&b.ID, &b.CustomerID, &b.Marks); err != nil {
			return nil, fmt.Errorf("read a contact book: %w", err)
		}
		out[b.CustomerID] = b
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("lock contact books: %w", err)
	}
	return out, nil
}

// openBooks makes sure that all books are there, and locks them.
func openBooks(tx *gorm.DB, customerIDs []int64, now time.Time) (map[int64]*model.ContactBook, error) {
	rows := make([]*model.ContactBook, len(customerIDs))
	for i, id := range customerIDs {
		rows[i] = &model.ContactBook{CustomerID: id, UpdatedAt: now}
	}
	if err := model.InsertIgnore(tx).Create(rows).Error; err != nil {
		return nil, fmt.Errorf("open contact books: %w", err)
	}
	return lockBooks(tx, customerIDs)
}

// insertBooks opens books; on a duplicate key none of the statement's is there.
func insertBooks(tx *gorm.DB, rows []*model.ContactBook) error {
	if err := tx.Create(rows).Error; err != nil {
		return fmt.Errorf("insert contact books: %w", err)
	}
	return nil
}

// updateBooks stores books that are held.
func updateBooks(tx *gorm.DB, rows []*model.ContactBook) error {
	if len(rows) == 0 {
		return nil
	}
	over := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"marks", "updated_at"})}
	if err := tx.Clauses(over).Create(rows).Error; err != nil {
		return fmt.Errorf("update contact books: %w", err)
	}
	return nil
}

// readBooks gives the marks of customers without holding them.
func readBooks(tx *gorm.DB, customerIDs []int64, each func(customerID int64, marks string)) error {
	rows, err := tx.Model(&model.ContactBook{}).Select("customer_id, marks").Where("customer_id IN ?", customerIDs).Rows()
	if err != nil {
		return fmt.Errorf("read contact books: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var marks string
		if err := rows.Scan(&id, &marks); err != nil {
			return fmt.Errorf("read a contact book: %w", err)
		}
		each(id, marks)
	}
	return rows.Err()
}

// sharesOf gives the hold-outs of the sources that ask.
func sharesOf(tx *gorm.DB, asks []Ask) (map[sourceKey]int, error) {
	ids := map[string][]int64{}
	seen := map[sourceKey]bool{}
	for i := range asks {
		k := sourceKey{asks[i].Source, asks[i].SourceID}
		if !seen[k] {
			seen[k] = true
			ids[k.source] = append(ids[k.source], k.id)
		}
	}
	out := map[sourceKey]int{}
	for source, list := range ids {
		var rows []model.SourceHoldout
		if err := tx.Where("source = ? AND source_id IN ?", source, list).Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("read hold-outs: %w", err)
		}
		for _, r := range rows {
			out[sourceKey{r.Source, r.SourceID}] = r.Share
		}
	}
	return out, nil
}

func putHoldout(tx *gorm.DB, source string, sourceID int64, share int, now time.Time) error {
	over := clause.OnConflict{Columns: []clause.Column{{Name: "source"}, {Name: "source_id"}}, DoUpdates: clause.AssignmentColumns([]string{"share"})}
	row := &model.SourceHoldout{Source: source, SourceID: sourceID, Share: share, CreatedAt: now}
	if err := tx.Clauses(over).Create(row).Error; err != nil {
		return fmt.Errorf("set a hold-out: %w", err)
	}
	return nil
}

// zoneNames gives what customers answered to a custom field.
func zoneNames(tx *gorm.DB, field string, customerIDs []int64) (map[int64]string, error) {
	var rows []struct {
		CustomerID int64
		Value      string
	}
	err := tx.Table("custom_value v").Select("v.customer_id, v.value").Joins("JOIN custom_field f ON f.id = v.field_id").
		Where("f.name = ? AND f.gone_at IS NULL AND v.customer_id IN ?", field, customerIDs).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find where customers live: %w", err)
	}
	out := make(map[int64]string, len(rows))
	for _, r := range rows {
		out[r.CustomerID] = r.Value
	}
	return out, nil
}

func insertRefusals(tx *gorm.DB, rows []*model.ContactRefusal) error {
	if len(rows) == 0 {
		return nil
	}
	if err := tx.CreateInBatches(rows, 500).Error; err != nil {
		return fmt.Errorf("count refusals: %w", err)
	}
	return nil
}

func countRefusals(tx *gorm.DB, since time.Time) (out []RefusalCount, err error) {
	err = tx.Model(&model.ContactRefusal{}).Select("channel, source, reason, final, SUM(times) AS times").
		Where("created_at >= ?", since).Group("channel, source, reason, final").Scan(&out).Error
	if err != nil {
		return nil, fmt.Errorf("count refusals: %w", err)
	}
	return out, nil
}

// pruneRows bounds one statement that deletes.
const pruneRows = 2000

func deleteRefusals(tx *gorm.DB, before time.Time) error {
	return deleteOld[model.ContactRefusal](tx, "created_at < ?", before)
}

// deleteBooks deletes books that nobody has written into since; who writes into one holds it, and then it is not old.
func deleteBooks(tx *gorm.DB, before time.Time) error {
	return deleteOld[model.ContactBook](tx, "updated_at < ?", before)
}

func deleteOld[Row any](tx *gorm.DB, old string, before time.Time) error {
	for {
		var ids []int64
		if err := tx.Model(new(Row)).Where(old, before).Limit(pruneRows).Pluck("id", &ids).Error; err != nil {
			return fmt.Errorf("find what is old: %w", err)
		}
		if len(ids) == 0 {
			return nil
		}
		if err := tx.Where("id IN ?", ids).Where(old, before).Delete(new(Row)).Error; err != nil {
			return fmt.Errorf("delete what is old: %w", err)
		}
		if len(ids) < pruneRows {
			return nil
		}
	}
}
