package outreach

import (
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// keepCall writes what is known of a call. Of calls for one delivery each nothing is kept once all is known: it stands with the deliveries.
func keepCall(tx *gorm.DB, row *model.DeliveryCall) error {
	if row.Single && row.State == callSettled {
		return tx.Exec("DELETE FROM delivery_call WHERE id = ?", row.ID).Error
	}
	return tx.Model(&model.DeliveryCall{}).Where("id = ?", row.ID).UpdateColumns(map[string]any{
		"state": row.State, "platform_id": row.PlatformID, "settled_at": row.SettledAt, "ask_at": row.AskAt, "tries": row.Tries, "deliveries": row.Deliveries,
	}).Error
}

func openCallsOf(tx *gorm.DB, claimID int64) (rows []model.DeliveryCall, err error) {
	err = tx.Where("claim_id = ? AND state = ?", claimID, callOpen).Order("id").Find(&rows).Error
	return rows, err
}

// lapsedClaims lists claims whose lease has run out.
func lapsedClaims(db *gorm.DB, now time.Time, limit int) (rows []model.DeliveryClaim, err error) {
	err = db.Where("lease_until < ?", now).Order("lease_until").Limit(limit).Find(&rows).Error
	return rows, err
}

// adopt takes a lapsed claim over, if nobody else has.
func adopt(tx *gorm.DB, c *model.DeliveryClaim, token string, now, until time.Time) (bool, error) {
	res := tx.Exec("UPDATE delivery_claim SET token = ?, fence = fence + 1, lease_until = ? WHERE id = ? AND fence = ? AND lease_until < ?",
		token, until, c.ID, c.Fence, now)
	return res.RowsAffected == 1, res.Error
}

// extendLeases keeps this process's claims its own.
func extendLeases(db *gorm.DB, token string, ids []int64, until time.Time) error {
	return db.Exec("UPDATE delivery_claim SET lease_until = ? WHERE id IN ? AND token = ?", until, ids, token).Error
}

// claimedOf lists deliveries that a claim has taken and that nothing is written of since.
func claimedOf(tx *gorm.DB, claimID int64, ids []int64) (rows []model.Delivery, err error) {
	for len(ids) > 0 {
		n := min(idsAtOnce, len(ids))
		var some []model.Delivery
		err := tx.Where("id IN ? AND claim_id = ? AND state = ?", ids[:n], claimID, Claimed).Order("id").Find(&some).Error
		if err != nil {
			return nil, err
		}
		rows, ids = append(rows, some...), ids[n:]
	}
	return rows, nil
}

// doubtedDue lists calls to ask about.
func doubtedDue(db *gorm.DB, now time.Time, limit int) (rows []model.DeliveryCall, err error) {
	err = db.Where("state = ? AND ask_at <= ?", callDoubt, now).Order("ask_at").Limit(limit).Find(&rows).Error
	return rows, err
}

// putOff moves the time of the next question, and tells whether nobody else has: who has put it off may ask.
func putOff(db *gorm.DB, row *model.DeliveryCall, until time.Time) (bool, error) {
	res := db.Exec("UPDATE delivery_call SET ask_at = ?, tries = tries + 1 WHERE id = ? AND state = ? AND tries = ?", until, row.ID, callDoubt, row.Tries)
	return res.RowsAffected == 1, res.Error
}

// stop asking: an operator decides.
func leaveToOperator(tx *gorm.DB, id int64) error {
	return tx.Exec("UPDATE delivery_call SET ask_at = NULL WHERE id = ? AND state = ?", id, callDoubt).Error
}

func deliveriesOf(db *gorm.DB, ids []int64) (rows []model.Delivery, err error) {
	for len(ids) > 0 {
		n := min(idsAtOnce, len(ids))
		var some []model.Delivery
		if err := db.Where("id IN ?", ids[:n]).Order("id").Find(&some).Error; err != nil {
			return nil, err
		}
		rows, ids = append(rows, some...), ids[n:]
	}
	return rows, nil
}

func laneOf(db *gorm.DB, id int64) (*model.DeliveryLane, error) {
	var lane model.DeliveryLane
	if err := db.Where("id = ?", id).Take(&lane).Error; err != nil {
		return nil, err
	}
	return &lane, nil
}

func lanesOf(db *gorm.DB, ids []int64) (rows []model.DeliveryLane, err error) {
	for len(ids) > 0 {
		n := min(idsAtOnce, len(ids))
		var some []model.DeliveryLane
		if err := db.Where("id IN ?", ids[:n]).Find(&some).Error; err != nil {
			return nil, err
		}
		rows, ids = append(rows, some...), ids[n:]
	}
	return rows, nil
}
