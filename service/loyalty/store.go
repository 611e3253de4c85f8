package loyalty

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func number(n int64) string { return strconv.FormatInt(n, 10) }

func insert(tx *gorm.DB, row any) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert %T: %w", row, err)
	}
	return nil
}

// lockAccount locks the account of a customer, and makes it when there is none.
func lockAccount(tx *gorm.DB, customerID int64, now time.Time) (*model.PointsAccount, error) {
	var row model.PointsAccount
	err := model.ForUpdate(tx).Where("customer_id = ?", customerID).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		fresh := &model.PointsAccount{CustomerID: customerID, CreatedAt: now, UpdatedAt: now}
		if err := model.InsertIgnore(tx).Create(fresh).Error; err != nil {
			return nil, fmt.Errorf("open an account: %w", err)
		}
		row = model.PointsAccount{}
		err = model.ForUpdate(tx).Where("customer_id = ?", customerID).Take(&row).Error
	}
	if err != nil {
		return nil, fmt.Errorf("lock the account of customer %d: %w", customerID, err)
	}
	return &row, nil
}

func saveAccount(tx *gorm.DB, row *model.PointsAccount) error {
	if err := tx.Model(row).Select("balance", "frozen", "earned", "updated_at").UpdateColumns(row).Error; err != nil {
		return fmt.Errorf("save account %d: %w", row.ID, err)
	}
	return nil
}

// accountOf gives what a customer has; nothing when they have no account.
func accountOf(tx *gorm.DB, customerID int64) (row model.PointsAccount, err error) {
	err = tx.Where("customer_id = ?", customerID).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return model.PointsAccount{CustomerID: customerID}, nil
	}
	if err != nil {
		return row, fmt.Errorf("find the account of customer %d: %w", customerID, err)
	}
	return row, nil
}

func entryByID(tx *gorm.DB, id int64) (*model.PointsEntry, error) {
	var row model.PointsEntry
	err := tx.Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find entry %d: %w", id, err)
	}
	return &row, nil
}

// entryByKey finds an entry by its key; nil when there is none.
func entryByKey(tx *gorm.DB, key string) (*model.PointsEntry, error) {
	var row model.PointsEntry
	err := tx.Where("entry_key = ?", key).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find an entry by its key: %w", err)
	}
	return &row, nil
}

// followers lists the entries that undo or follow one, the first first.
func followers(tx *gorm.DB, originID int64) (rows []model.PointsEntry, err error) {
	if err = tx.Where("origin_id = ?", originID).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find what followed entry %d: %w", originID, err)
	}
	return rows, nil
}

func entriesBefore(tx *gorm.DB, customerID, before int64, limit int) (rows []model.PointsEntry, err error) {
	q := tx.Where("customer_id = ?", customerID).Order("id DESC").Limit(limit)
	if before != 0 {
		q = q.Where("id < ?", before)
	}
	if err = q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list entries of customer %d: %w", customerID, err)
	}
	return rows, nil
}

// earnedBy lists what was earned by one thing, by whatever rules.
func earnedBy(tx *gorm.DB, source string, sourceID int64) (rows []model.PointsEntry, err error) {
	if err = tx.Where("source = ? AND source_id = ? AND kind = ?", source, sourceID, Earn).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find what %s %d earned: %w", source, sourceID, err)
	}
	return rows, nil
}

// lotsToSpend lists a customer's lots that hold something, those that expire first before the others.
func lotsToSpend(tx *gorm.DB, customerID int64) (rows []model.PointsLot, err error) {
	err = tx.Where("customer_id = ? AND remaining > 0", customerID).Order("expires_at IS NULL, expires_at, id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list lots of customer %d: %w", customerID, err)
	}
	return rows, nil
}

func takeFromLot(tx *gorm.DB, entryID, lotID, points int64) error {
	res := tx.Model(&model.PointsLot{}).Where("id = ? AND remaining >= ?", lotID, points).UpdateColumn("remaining", gorm.Expr("remaining - ?", points))
	if res.Error == nil && res.RowsAffected != 1 {
		res.Error = errors.New("it does not hold so many")
	}
	if res.Error != nil {
		return fmt.Errorf("take from lot %d: %w", lotID, res.Error)
	}
	return insert(tx, &model.PointsUse{EntryID: entryID, LotID: lotID, Points: points})
}

func addToLot(tx *gorm.DB, lotID, points int64) error {
	if err := tx.Model(&model.PointsLot{}).Where("id = ?", lotID).UpdateColumn("remaining", gorm.Expr("remaining + ?", points)).Error; err != nil {
		return fmt.Errorf("give back to lot %d: %w", lotID, err)
	}
	return nil
}

// use is what an entry took from a lot.
type use struct {
	LotID     int64
	Points    int64
	ExpiresAt *time.Time
}

// Expired tells whether the lot's time is over.
func (u use) Expired(now time.Time) bool { return u.ExpiresAt != nil && !now.Before(*u.ExpiresAt) }

func usesOf(tx *gorm.DB, entryID int64) (rows []use, err error) {
	err = tx.Table("points_use").Select("points_use.lot_id, points_use.points, l.expires_at").Joins("JOIN points_lot l ON l.id = points_use.lot_id").
		Where("points_use.entry_id = ?", entryID).Order("points_use.lot_id").Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find what entry %d took: %w", entryID, err)
	}
	return rows, nil
}

// lastExpiry is when the last of the lots expires that an entry took from; ever is false when one of them never does.
func lastExpiry(tx *gorm.DB, entryID int64) (at time.Time, ever bool, err error) {
	uses, err := usesOf(tx, entryID)
	for _, u := range uses {
		if u.ExpiresAt == nil {
			return time.Time{}, false, err
		}
		if u.ExpiresAt.After(at) {
			at = *u.ExpiresAt
		}
	}
	return at, true, err
}

// customersWithExpired lists customers who hold points whose time is over, above one of them.
func customersWithExpired(tx *gorm.DB, now time.Time, limit int) (ids []int64, err error) {
	err = tx.Model(&model.PointsLot{}).Distinct("customer_id").Where("expires_at <= ? AND remaining > 0", now).Order("customer_id").Limit(limit).Pluck("customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("list who holds expired points: %w", err)
	}
	return ids, nil
}

// expiredLots lists a customer's lots whose time is over and that hold something.
func expiredLots(tx *gorm.DB, customerID int64, now time.Time) (rows []model.PointsLot, err error) {
	err = tx.Where("customer_id = ? AND remaining > 0 AND expires_at <= ?", customerID, now).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list expired lots of customer %d: %w", customerID, err)
	}
	return rows, nil
}

// soonExpiring sums what a customer loses up to a time.
func soonExpiring(tx *gorm.DB, customerID int64, until time.Time) (points int64, first *time.Time, err error) {
	var rows []model.PointsLot
	err = tx.Where("customer_id = ? AND remaining > 0 AND expires_at <= ?", customerID, until).Order("expires_at").Limit(1000).Find(&rows).Error
	if err != nil {
		return 0, nil, fmt.Errorf("find what expires of customer %d: %w", customerID, err)
	}
	for _, r := range rows {
		points += r.Remaining
	}
	if len(rows) > 0 {
		first = rows[0].ExpiresAt
	}
	return points, first, nil
}

// orderOf reads what an order has come to. One that was cancelled has come to nothing.
func orderOf(tx *gorm.DB, id int64) (o orderState, err error) {
	var order model.CustomerOrder
	if err = tx.Where("id = ?", id).Take(&order).Error; err != nil {
		return o, fmt.Errorf("find order %d: %w", id, err)
	}
	if order.Status == "cancelled" {
		return o, nil
	}
	o.paid, o.refunded = order.PaidFen, order.RefundedFen
	err = tx.Model(&model.Refund{}).Where("order_id = ? AND status = 'requested'", id).Select("COALESCE(SUM(amount_fen), 0)").Scan(&o.asked).Error
	if err != nil {
		return o, fmt.Errorf("sum what is asked back of order %d: %w", id, err)
	}
	return o, nil
}
