package outreach

import (
	"slices"
	"strconv"

	"gorm.io/gorm"

	"zhiyin/model"
)

func lockOfCustomer(tx *gorm.DB, customerID int64) (rows []model.Delivery, err error) {
	err = model.ForUpdate(tx).Where("customer_id = ?", customerID).Order("id").Find(&rows).Error
	return rows, err
}

func giveDeliveries(tx *gorm.DB, ids []int64, from, to int64) error {
	for part := range slices.Chunk(ids, idsAtOnce) {
		// A name that was taken meanwhile stays where it is.
		if err := tx.Exec(model.UpdateIgnore(tx)+" delivery SET customer_id = ? WHERE id IN ? AND customer_id = ?", to, part, from).Error; err != nil {
			return err
		}
	}
	return nil
}

// moveTwin gives a delivery to a customer who has one of the same name.
func moveTwin(tx *gorm.DB, d *model.Delivery, to int64) error {
	return tx.Exec("UPDATE delivery SET customer_id = ?, occurrence = ? WHERE id = ?", to, "twin:"+strconv.FormatInt(d.ID, 10), d.ID).Error
}

func returnTwin(tx *gorm.DB, id, from, to int64, occurrence string) error {
	return tx.Exec(model.UpdateIgnore(tx)+" delivery SET customer_id = ?, occurrence = ? WHERE id = ? AND customer_id = ?", to, occurrence, id, from).Error
}
