package customer

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/keyring"
)

func keepNumber(tx *gorm.DB, row *model.PhoneNumber) error {
	if err := model.InsertIgnore(tx).Create(row).Error; err != nil {
		return fmt.Errorf("keep a phone number: %w", err)
	}
	return nil
}

func numbersAfter(tx *gorm.DB, after int64, limit int) ([]*model.PhoneNumber, error) {
	return behind[model.PhoneNumber](tx, after, limit)
}

func phonesAfter(tx *gorm.DB, after int64, limit int) ([]*model.Identity, error) {
	return behind[model.Identity](tx.Where("kind = ?", KindPhone), after, limit)
}

func mergesAfter(tx *gorm.DB, after int64, limit int) ([]*model.CustomerMerge, error) {
	return behind[model.CustomerMerge](tx.Where("undone_at IS NULL"), after, limit)
}

func journalsAfter(tx *gorm.DB, owner string, after int64, limit int) ([]*model.MergeMove, error) {
	return behind[model.MergeMove](tx.Where("owner = ?", owner), after, limit)
}

// behind gives the next rows by id.
func behind[Row any](q *gorm.DB, after int64, limit int) (rows []*Row, err error) {
	if err := q.Where("id > ?", after).Order("id").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read %T: %w", *new(Row), err)
	}
	return rows, nil
}

// replaceNumber puts a number under another index, or deletes its row where that is kept already.
func replaceNumber(tx *gorm.DB, row *model.PhoneNumber, index string, sealed []byte) error {
	if err := tx.Delete(&model.PhoneNumber{}, row.ID).Error; err != nil {
		return fmt.Errorf("delete a kept phone number: %w", err)
	}
	return keepNumber(tx, &model.PhoneNumber{Value: index, SealedNumber: sealed, CreatedAt: row.CreatedAt})
}

// rekeyPhone gives an identity another index; false when somebody has that already.
func rekeyPhone(tx *gorm.DB, row *model.Identity, index string, sealed []byte) (bool, error) {
	var taken int64
	if err := tx.Model(&model.Identity{}).Where("kind = ? AND scope = '' AND value = ?", KindPhone, index).Count(&taken).Error; err != nil {
		return false, fmt.Errorf("look for a phone number: %w", err)
	}
	if taken > 0 {
		return false, nil
	}
	err := tx.Model(&model.Identity{}).Where("id = ? AND value = ?", row.ID, row.Value).
		UpdateColumns(map[string]any{"value": index, "sealed_value": sealed}).Error
	if err != nil {
		return false, fmt.Errorf("give a phone number another index: %w", err)
	}
	return true, nil
}

// sameBirthday seals a customer's birthday as given if it is still what it was.
func sameBirthday(tx *gorm.DB, customerID int64, was, sealed []byte) error {
	err := tx.Model(&model.Customer{}).Where("id = ? AND sealed_birthday = ?", customerID, was).UpdateColumn("sealed_birthday", sealed).Error
	if err != nil {
		return fmt.Errorf("seal a birthday anew: %w", err)
	}
	return nil
}

func putKept(tx *gorm.DB, id int64, before, after string) error {
	err := tx.Model(&model.CustomerMerge{}).Where("id = ?", id).UpdateColumns(map[string]any{"kept_before": before, "kept_after": after}).Error
	if err != nil {
		return fmt.Errorf("seal a merge anew: %w", err)
	}
	return nil
}

func putJournal(tx *gorm.DB, id int64, journal string) error {
	if err := tx.Model(&model.MergeMove{}).Where("id = ?", id).UpdateColumn("journal", journal).Error; err != nil {
		return fmt.Errorf("seal a journal anew: %w", err)
	}
	return nil
}

// countJSON counts rows with a value in a JSON text that a key has sealed: such values are base64 there.
func countJSON[Row any](tx *gorm.DB, header []byte, columns ...string) (n int64, err error) {
	begins := keyring.TextHeader(header)
	either := tx.Session(&gorm.Session{NewDB: true})
	for _, column := range columns {
		either = either.Or(column+" LIKE ?", `%"`+begins+`%`)
	}
	if err := tx.Model(new(Row)).Where(either).Count(&n).Error; err != nil {
		return 0, fmt.Errorf("look for sealed values: %w", err)
	}
	return n, nil
}
