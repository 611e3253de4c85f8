package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func customKinds(db *gorm.DB) (rows []model.EventKind, err error) {
	if err := db.Order("name").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the kinds of events: %w", err)
	}
	return rows, nil
}

func countKinds(tx *gorm.DB) (n int64, err error) {
	return n, tx.Model(&model.EventKind{}).Count(&n).Error
}

func insertKind(tx *gorm.DB, k *Kind, now time.Time) error {
	properties, err := json.Marshal(k.Properties)
	if err != nil {
		return err
	}
	return tx.Create(&model.EventKind{
		Name: k.Name, Zh: k.Zh, En: k.En, Class: string(k.Class), Item: k.Item, Value: k.Value, Properties: string(properties),
		Version: 1, CreatedAt: now, UpdatedAt: now,
	}).Error
}

func lockKind(tx *gorm.DB, name string) (*model.EventKind, error) {
	var row model.EventKind
	err := model.ForUpdate(tx).Where("name = ?", name).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNoKind
	}
	return &row, err
}

func updateKind(tx *gorm.DB, k *Kind, now time.Time) error {
	properties, err := json.Marshal(k.Properties)
	if err != nil {
		return err
	}
	return tx.Model(&model.EventKind{}).Where("name = ?", k.Name).Updates(map[string]any{
		"zh": k.Zh, "en": k.En, "class": string(k.Class), "item": k.Item, "value": k.Value, "properties": string(properties),
		"version": k.Version + 1, "updated_at": now,
	}).Error
}

// mergedInto tells of merged customers who stands for them.
func mergedInto(tx *gorm.DB, ids []int64) (map[int64]int64, error) {
	var rows []model.Customer
	if err := tx.Select("id", "merged_into").Where("id IN ? AND merged_into <> 0", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find merged customers: %w", err)
	}
	out := make(map[int64]int64, len(rows))
	for _, c := range rows {
		out[c.ID] = c.MergedInto
	}
	return out, nil
}

// takenAside are those of the keys that are recorded or aside already.
func takenAside(tx *gorm.DB, aside []*model.EventAside) (map[[keySize]byte]bool, error) {
	taken := map[[keySize]byte]bool{}
	keys := make([][]byte, len(aside))
	for i, a := range aside {
		keys[i] = a.DedupeKey
	}
	for _, table := range []string{"event", "event_aside"} {
		found, err := keysIn(tx, table, keys)
		if err != nil {
			return nil, err
		}
		for _, k := range found {
			taken[[keySize]byte(k)] = true
		}
	}
	return taken, nil
}

// countAside tells how many events of these customers are aside.
func countAside(tx *gorm.DB, aside []*model.EventAside) (map[int64]int64, error) {
	ids := map[int64]bool{}
	for _, a := range aside {
		ids[a.CustomerID] = true
	}
	var list []int64
	for id := range ids {
		list = append(list, id)
	}
	var rows []struct{ CustomerID, N int64 }
	err := tx.Model(&model.EventAside{}).Select("customer_id, COUNT(*) AS n").Where("customer_id IN ?", list).Group("customer_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count events aside: %w", err)
	}
	out := map[int64]int64{}
	for _, r := range rows {
		out[r.CustomerID] = r.N
	}
	return out, nil
}

// AsideFilter selects events that are aside.
type AsideFilter struct {
	Name   string // of the kind they claim; empty: any
	Before int64  // row id of the last one of the page before; 0: the newest
	Limit  int
}

func pageOfAside(db *gorm.DB, f AsideFilter) (rows []model.EventAside, err error) {
	q := db.Order("id DESC").Limit(f.Limit)
	if f.Name != "" {
		q = q.Where("name = ?", f.Name)
	}
	if f.Before > 0 {
		q = q.Where("id < ?", f.Before)
	}
	return rows, q.Find(&rows).Error
}

// lockAside takes the next rows after an id, oldest first.
func lockAside(tx *gorm.DB, name string, after int64, limit int) (rows []model.EventAside, err error) {
	q := model.ForUpdate(tx).Where("id > ?", after).Order("id").Limit(limit)
	if name != "" {
		q = q.Where("name = ?", name)
	}
	return rows, q.Find(&rows).Error
}

func deleteAside(tx *gorm.DB, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	return tx.Where("id IN ?", ids).Delete(&model.EventAside{}).Error
}

func updateAsideReason(tx *gorm.DB, id int64, reason string) error {
	return tx.Model(&model.EventAside{}).Where("id = ?", id).Update("reason", reason).Error
}

// asideNames tells how many events wait under each name.
func asideNames(db *gorm.DB, limit int) (rows []AsideName, err error) {
	err = db.Model(&model.EventAside{}).Select("name, COUNT(*) AS waiting").Group("name").Order("waiting DESC, name").Limit(limit).Find(&rows).Error
	return rows, err
}
