package coupon

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// statementRows is how many rows one statement writes.
const statementRows = 500

// insertRows inserts by statements that were written by hand: through GORM's reflection a large one costs
// more than the database does. It gives the id of each row; those of one statement are consecutive.
func insertRows(tx *gorm.DB, table, columns string, rows [][]any) (ids []int64, err error) {
	for from := 0; from < len(rows); from += statementRows {
		part := rows[from:min(from+statementRows, len(rows))]
		row := "(" + strings.Repeat("?,", len(part[0])-1) + "?)"
		q := "INSERT INTO " + table + " (" + columns + ") VALUES " + strings.Repeat(row+",", len(part)-1) + row
		args := make([]any, 0, len(part)*len(part[0]))
		for _, r := range part {
			args = append(args, r...)
		}
		res, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, q, args...)
		if err != nil {
			return nil, fmt.Errorf("insert into %s: %w", table, err)
		}
		first, err := res.LastInsertId()
		if err != nil {
			return nil, err
		}
		if model.IsSQLite(tx) { // it tells the last of the ids, the others tell the first
			first -= int64(len(part) - 1)
		}
		for i := range part {
			ids = append(ids, first+int64(i))
		}
	}
	return ids, nil
}

// exactly makes a statement that must change so many rows; when it does not, somebody else was quicker in
// a way that locks should have kept out, and the transaction has to end.
func exactly(tx *gorm.DB, want int, q string, args ...any) error {
	res := tx.Exec(q, args...)
	if res.Error != nil {
		return fmt.Errorf("%s: %w", firstWords(q), res.Error)
	}
	if res.RowsAffected != int64(want) {
		return fmt.Errorf("%s: %d rows instead of %d", firstWords(q), res.RowsAffected, want)
	}
	return nil
}

func firstWords(q string) string { return strings.Join(strings.Fields(q)[:2], " ") }

func insertBatch(tx *gorm.DB, b *model.CouponBatch) error {
	if err := tx.Create(b).Error; err != nil {
		return fmt.Errorf("create coupon batch: %w", err)
	}
	if err := tx.Create(&model.CouponCount{BatchID: b.ID, State: b.State, Version: b.Version, Stock: b.Stock}).Error; err != nil {
		return fmt.Errorf("create counters of a coupon batch: %w", err)
	}
	budget := &model.CouponBudget{BatchID: b.ID, LimitCount: b.BudgetCount, LimitFen: b.BudgetFen}
	if err := tx.Create(budget).Error; err != nil {
		return fmt.Errorf("create budget of a coupon batch: %w", err)
	}
	return nil
}

// updateBatch writes a batch that is locked, with what its counters and budgets repeat of it.
func updateBatch(tx *gorm.DB, b *model.CouponBatch) error {
	if err := tx.Model(b).Select("*").Omit("id", "created_at").UpdateColumns(b).Error; err != nil {
		return fmt.Errorf("update coupon batch %d: %w", b.ID, err)
	}
	err := tx.Model(&model.CouponCount{}).Where("batch_id = ?", b.ID).
		UpdateColumns(map[string]any{"state": b.State, "version": b.Version, "stock": b.Stock}).Error
	if err != nil {
		return fmt.Errorf("update counters of coupon batch %d: %w", b.ID, err)
	}
	limits := func(day string, count int64, fen model.Fen) error {
		q := tx.Model(&model.CouponBudget{}).Where("batch_id = ?", b.ID)
		if day == "" {
			q = q.Where("day = ''")
		} else {
			q = q.Where("day <> ''")
		}
		return q.UpdateColumns(map[string]any{"limit_count": count, "limit_fen": fen}).Error
	}
	if err := errors.Join(limits("", b.BudgetCount, b.BudgetFen), limits("day", b.BudgetDayCount, b.BudgetDayFen)); err != nil {
		return fmt.Errorf("update budgets of coupon batch %d: %w", b.ID, err)
	}
	return nil
}

func batchByID(tx *gorm.DB, id int64) (*model.CouponBatch, error) {
	var b model.CouponBatch
	err := tx.Where("id = ?", id).Take(&b).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNoBatch
	}
	if err != nil {
		return nil, fmt.Errorf("find coupon batch %d: %w", id, err)
	}
	return &b, nil
}

func batchesByID(tx *gorm.DB, ids []int64) ([]*model.CouponBatch, error) {
	var rows []*model.CouponBatch
	if len(ids) == 0 {
		return nil, nil
	}
	if err := tx.Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find coupon batches: %w", err)
	}
	return rows, nil
}

// lockCounts locks the counters of batches, in the order of their ids, so that nobody else issues of them.
func lockCounts(tx *gorm.DB, ids []int64) (map[int64]*model.CouponCount, error) {
	var rows []*model.CouponCount
	if err := model.ForUpdate(tx).Where("batch_id IN ?", ids).Order("batch_id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("lock counters of coupon batches: %w", err)
	}
	m := make(map[int64]*model.CouponCount, len(rows))
	for _, r := range rows {
		m[r.BatchID] = r
	}
	return m, nil
}

// segmentIs fails with ErrBatch when there is no such segment; 0 is none and fine.
func segmentIs(tx *gorm.DB, id int64) error {
	if id == 0 {
		return nil
	}
	var n int64
	if err := tx.Model(&model.Segment{}).Where("id = ? AND gone_at IS NULL", id).Count(&n).Error; err != nil {
		return fmt.Errorf("find segment %d: %w", id, err)
	}
	if n == 0 {
		return ErrBatch.With("segment_id", "没有这个人群 / there is no such segment")
	}
	return nil
}

// membersAmong are those of the customers who are in a segment now.
func membersAmong(tx *gorm.DB, segmentID int64, customers []int64) (map[int64]bool, error) {
	var ids []int64
	err := tx.Model(&model.SegmentMember{}).Where("segment_id = ? AND customer_id IN ? AND left_at IS NULL", segmentID, customers).Pluck("customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find members of segment %d: %w", segmentID, err)
	}
	m := make(map[int64]bool, len(ids))
	for _, id := range ids {
		m[id] = true
	}
	return m, nil
}

const couponColumns = "batch_id,customer_id,claimer_id,number,state,version,balance_fen,valid_from,valid_until,source,source_id,campaign_id,journey_id,step," +
	"channel_code_id,staff_id,use_id,score,remind_at,created_at,moved_at"

// insertCoupons inserts coupons and sets their ids. That a customer's number is taken is a mistake of ours.
func insertCoupons(tx *gorm.DB, list []*model.Coupon) error {
	rows := make([][]any, len(list))
	for i, c := range list {
		rows[i] = []any{
			c.BatchID, c.CustomerID, c.ClaimerID, c.Number, c.State, c.Version, c.BalanceFen, c.ValidFrom, c.ValidUntil, c.Source, c.SourceID,
			c.CampaignID, c.JourneyID, c.Step, c.ChannelCodeID, c.StaffID, c.UseID, c.Score, c.RemindAt, c.CreatedAt, c.MovedAt,
		}
	}
	ids, err := insertRows(tx, "coupon", couponColumns, rows)
	for i, id := range ids {
		list[i].ID = id
	}
	return err
}

const entryColumns = "coupon_id,version,batch_id,customer_id,act,state,count,fen,budget_day,use_id,staff_id,api_key_id,shop,reason,at"

// insertEntries adds to the ledger.
func insertEntries(tx *gorm.DB, list []*model.CouponEntry) error {
	rows := make([][]any, len(list))
	for i, e := range list {
		rows[i] = []any{
			e.CouponID, e.Version, e.BatchID, e.CustomerID, e.Act, e.State, e.Count, e.Fen, e.BudgetDay, e.UseID, e.StaffID, e.APIKeyID, e.Shop, e.Reason, e.At,
		}
	}
	_, err := insertRows(tx, "coupon_entry", entryColumns, rows)
	return err
}

// addIssued counts issues of a batch, if the stock allows them.
func addIssued(tx *gorm.DB, batchID int64, n int) error {
	return exactly(tx, 1, "UPDATE coupon_count SET issued = issued + ? WHERE batch_id = ? AND (stock = 0 OR issued + ? <= stock)", n, batchID, n)
}

// taken is what a customer had of a batch.
type taken struct {
	ClaimerID int64
	Number    int // the highest
	Had       int64
	Today     int64
}

// takenBy counts what customers had of a batch, in all and since a day began.
func takenBy(tx *gorm.DB, batchID int64, customers []int64, today time.Time) (map[int64]*taken, error) {
	var rows []*taken
	err := tx.Model(&model.Coupon{}).Where("batch_id = ? AND claimer_id IN ?", batchID, customers).
		Select("claimer_id, MAX(number) AS number, COUNT(*) AS had, SUM(CASE WHEN created_at >= ? THEN 1 ELSE 0 END) AS today", today).
		Group("claimer_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count coupons of customers: %w", err)
	}
	m := make(map[int64]*taken, len(rows))
	for _, r := range rows {
		m[r.ClaimerID] = r
	}
	return m, nil
}

func couponByID(tx *gorm.DB, id int64) (*model.Coupon, error) {
	var c model.Coupon
	err := tx.Where("id = ?", id).Take(&c).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find coupon %d: %w", id, err)
	}
	return &c, nil
}

func couponsByID(tx *gorm.DB, ids []int64) ([]*model.Coupon, error) {
	var rows []*model.Coupon
	if len(ids) == 0 {
		return nil, nil
	}
	if err := tx.Where("id IN ?", ids).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find coupons: %w", err)
	}
	return rows, nil
}

// lockCoupons locks coupons in the order of their ids.
func lockCoupons(tx *gorm.DB, ids []int64) (map[int64]*model.Coupon, error) {
	rows, err := couponsByID(model.ForUpdate(tx), ids)
	m := make(map[int64]*model.Coupon, len(rows))
	for _, r := range rows {
		m[r.ID] = r
	}
	return m, err
}
