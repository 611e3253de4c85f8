package coupon

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
)

// statementRows is how many rows one statement writes.
const statementRows = 500

// insertRows inserts by statements that were written by hand: through GORM's reflection a large one costs
// more than the database does. It gives the id of each row; those of one statement are consecutive.
func insertRows[Row any](tx *gorm.DB, table, columns string, rows []Row, values func(r Row, args []any) []any) (ids []int64, err error) {
	n := strings.Count(columns, ",") + 1
	for part := range slices.Chunk(rows, statementRows) {
		q := "INSERT INTO " + table + " (" + columns + ") VALUES " + times(len(part), "("+times(n, "?")+")")
		args := make([]any, 0, len(part)*n)
		for _, r := range part {
			args = values(r, args)
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
	res, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, q, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", firstWords(q), err)
	}
	n, err := res.RowsAffected()
	if err == nil && n != int64(want) {
		err = fmt.Errorf("%s: %d rows instead of %d", firstWords(q), n, want)
	}
	return err
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

// addIssued counts issues of a batch, if the stock allows them.
func addIssued(tx *gorm.DB, batchID int64, n int) error {
	return exactly(tx, 1, "UPDATE coupon_count SET issued = issued + ? WHERE batch_id = ? AND (stock = 0 OR issued + ? <= stock)", n, batchID, n)
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
