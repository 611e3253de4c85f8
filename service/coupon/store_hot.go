package coupon

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// This file holds the statements of claims and uses. They are written and read by hand: at a rush GORM's reflection would cost more
// than all else that this process does for a claim.

// times is n times the same, with commas between.
func times(n int, of string) string { return strings.TrimSuffix(strings.Repeat(of+",", n), ",") }

// forUpdate locks what a query reads; SQLite has one writer at a time.
func forUpdate(tx *gorm.DB) string {
	if model.IsSQLite(tx) {
		return ""
	}
	return " FOR UPDATE"
}

// rowsOf reads rows one by one.
func rowsOf(tx *gorm.DB, what, q string, args []any, scan func(rows *sql.Rows) error) error {
	rows, err := tx.Statement.ConnPool.QueryContext(tx.Statement.Context, q, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func anyIDs(ids []int64) []any {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return args
}

func anyHashes(list []hash) []any {
	args := make([]any, len(list))
	for i := range list {
		args[i] = list[i][:]
	}
	return args
}

// requestsOf finds what was answered under keys.
func requestsOf(tx *gorm.DB, keys []hash) (known, error) {
	found := known{}
	for part := range slices.Chunk(keys, statementRows) {
		q := "SELECT request_key, body, answer FROM coupon_request WHERE request_key IN (" + times(len(part), "?") + ")"
		err := rowsOf(tx, "find requests", q, anyHashes(part), func(rows *sql.Rows) error {
			r := &model.CouponRequest{}
			err := rows.Scan(&r.RequestKey, &r.Body, &r.Answer)
			if err == nil {
				found[hash(r.RequestKey)] = r
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// insertRequests remembers answers. It fails as a duplicate when another replica was quicker with a key.
func insertRequests(tx *gorm.DB, list []*model.CouponRequest) error {
	_, err := insertRows(tx, "coupon_request", "request_key,body,answer,created_at", list, func(r *model.CouponRequest, args []any) []any {
		return append(args, r.RequestKey, r.Body, r.Answer, r.CreatedAt)
	})
	return err
}

const countColumns = "batch_id,state,version,stock,issued,voided,expired"

// countsOf reads the counters of batches.
func countsOf(tx *gorm.DB, ids []int64) (map[int64]*model.CouponCount, error) {
	return countsBy(tx, ids, "")
}

// lockCounts locks the counters of batches, in the order of their ids, so that nobody else issues of them.
func lockCounts(tx *gorm.DB, ids []int64) (map[int64]*model.CouponCount, error) {
	return countsBy(tx, ids, " ORDER BY batch_id"+forUpdate(tx))
}

func countsBy(tx *gorm.DB, ids []int64, end string) (map[int64]*model.CouponCount, error) {
	m := make(map[int64]*model.CouponCount, len(ids))
	if len(ids) == 0 {
		return m, nil
	}
	q := "SELECT " + countColumns + " FROM coupon_count WHERE batch_id IN (" + times(len(ids), "?") + ")" + end
	return m, rowsOf(tx, "find counters of coupon batches", q, anyIDs(ids), func(rows *sql.Rows) error {
		n := &model.CouponCount{}
		err := rows.Scan(&n.BatchID, &n.State, &n.Version, &n.Stock, &n.Issued, &n.Voided, &n.Expired)
		m[n.BatchID] = n
		return err
	})
}

const couponColumns = "batch_id,customer_id,claimer_id,number,state,version,balance_fen,valid_from,valid_until,source,source_id,campaign_id,journey_id,step," +
	"channel_code_id,staff_id,use_id,score,remind_at,created_at,moved_at"

// insertCoupons inserts coupons and sets their ids. That a customer's number is taken is a mistake of ours.
func insertCoupons(tx *gorm.DB, list []*model.Coupon) error {
	ids, err := insertRows(tx, "coupon", couponColumns, list, func(c *model.Coupon, args []any) []any {
		return append(args, c.BatchID, c.CustomerID, c.ClaimerID, c.Number, c.State, c.Version, c.BalanceFen, c.ValidFrom, c.ValidUntil, c.Source, c.SourceID,
			c.CampaignID, c.JourneyID, c.Step, c.ChannelCodeID, c.StaffID, c.UseID, c.Score, c.RemindAt, c.CreatedAt, c.MovedAt)
	})
	for i, id := range ids {
		list[i].ID = id
	}
	return err
}

// scanned are where a row of a coupon goes: id and couponColumns.
func scanned(c *model.Coupon) []any {
	return []any{
		&c.ID, &c.BatchID, &c.CustomerID, &c.ClaimerID, &c.Number, &c.State, &c.Version, &c.BalanceFen, &c.ValidFrom, &c.ValidUntil, &c.Source, &c.SourceID,
		&c.CampaignID, &c.JourneyID, &c.Step, &c.ChannelCodeID, &c.StaffID, &c.UseID, &c.Score, &c.RemindAt, &c.CreatedAt, &c.MovedAt,
	}
}

// couponsByID finds coupons, in the order of their ids.
func couponsByID(tx *gorm.DB, ids []int64) ([]*model.Coupon, error) { return couponsBy(tx, ids, "") }

func couponsBy(tx *gorm.DB, ids []int64, end string) (found []*model.Coupon, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	q := "SELECT id," + couponColumns + " FROM coupon WHERE id IN (" + times(len(ids), "?") + ") ORDER BY id" + end
	err = rowsOf(tx, "find coupons", q, anyIDs(ids), func(rows *sql.Rows) error {
		c := &model.Coupon{}
		found = append(found, c)
		return rows.Scan(scanned(c)...)
	})
	return found, err
}

// couponsWithMoney finds coupons, in the order of their ids, with the state and version of their batches, and what these may spend in all and on
// a day: by one query, since that is all that a validation reads.
func couponsWithMoney(tx *gorm.DB, ids []int64, day string) (found []*model.Coupon, counts map[int64]*model.CouponCount, money moneyLeft, err error) {
	counts, money = map[int64]*model.CouponCount{}, moneyLeft{}
	q := "SELECT c.id,c." + strings.ReplaceAll(couponColumns, ",", ",c.") + ",n.state,n.version,b.day,b.limit_count,b.limit_fen,b.used_count,b.used_fen" +
		" FROM coupon c JOIN coupon_count n ON n.batch_id = c.batch_id LEFT JOIN coupon_budget b ON b.batch_id = c.batch_id AND b.day IN ('', ?)" +
		" WHERE c.id IN (" + times(len(ids), "?") + ") ORDER BY c.id"
	seen := map[budgetKey]bool{}
	err = rowsOf(tx, "find coupons with their budgets", q, append([]any{day}, anyIDs(ids)...), func(rows *sql.Rows) error {
		c, n, of := &model.Coupon{}, &model.CouponCount{}, sql.NullString{}
		var limitCount, limitFen, usedCount, usedFen sql.NullInt64
		if err := rows.Scan(append(scanned(c), &n.State, &n.Version, &of, &limitCount, &limitFen, &usedCount, &usedFen)...); err != nil {
			return err
		}
		if last := len(found) - 1; last < 0 || found[last].ID != c.ID {
			found = append(found, c)
		}
		n.BatchID = c.BatchID
		counts[c.BatchID] = n
		if k := (budgetKey{c.BatchID, of.String}); of.Valid && !seen[k] {
			seen[k] = true
			money[k.batch] = append(money[k.batch], &model.CouponBudget{
				BatchID: k.batch, Day: k.day, LimitCount: limitCount.Int64, LimitFen: model.Fen(limitFen.Int64), UsedCount: usedCount.Int64, UsedFen: model.Fen(usedFen.Int64),
			})
		}
		return nil
	})
	return found, counts, money, err
}

// lockCoupons locks coupons in the order of their ids.
func lockCoupons(tx *gorm.DB, ids []int64) (map[int64]*model.Coupon, error) {
	rows, err := couponsBy(tx, ids, forUpdate(tx))
	m := make(map[int64]*model.Coupon, len(rows))
	for _, r := range rows {
		m[r.ID] = r
	}
	return m, err
}

const entryColumns = "coupon_id,version,batch_id,customer_id,act,state,count,fen,budget_day,use_id,staff_id,api_key_id,shop,reason,at"

// insertEntries adds to the ledger.
func insertEntries(tx *gorm.DB, list []*model.CouponEntry) error {
	_, err := insertRows(tx, "coupon_entry", entryColumns, list, func(e *model.CouponEntry, args []any) []any {
		return append(args, e.CouponID, e.Version, e.BatchID, e.CustomerID, e.Act, e.State, e.Count, e.Fen, e.BudgetDay, e.UseID, e.StaffID, e.APIKeyID, e.Shop,
			e.Reason, e.At)
	})
	return err
}

// insertFirstEntries begins the ledger of coupons with consecutive ids, which were just inserted: the database has all that their entries say.
func insertFirstEntries(tx *gorm.DB, first, last int64, reason string) error {
	return exactly(tx, int(last-first)+1, "INSERT INTO coupon_entry ("+entryColumns+") SELECT id,version,batch_id,customer_id,'"+actIssue+
		"',state,0,0,'',0,staff_id,0,'',?,created_at FROM coupon WHERE id BETWEEN ? AND ? ORDER BY id", reason, first, last)
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
	m := make(map[int64]*taken, len(customers))
	q := "SELECT claimer_id, MAX(number), COUNT(*), SUM(CASE WHEN created_at >= ? THEN 1 ELSE 0 END) FROM coupon WHERE batch_id = ? AND claimer_id IN (" +
		times(len(customers), "?") + ") GROUP BY claimer_id"
	return m, rowsOf(tx, "count coupons of customers", q, append([]any{today, batchID}, anyIDs(customers)...), func(rows *sql.Rows) error {
		n := &taken{}
		err := rows.Scan(&n.ClaimerID, &n.Number, &n.Had, &n.Today)
		m[n.ClaimerID] = n
		return err
	})
}

// ordersWithCoupons are those of the orders that coupons are reserved for or used on.
func ordersWithCoupons(tx *gorm.DB, keys []hash) (map[hash]bool, error) {
	m := map[hash]bool{}
	if len(keys) == 0 {
		return m, nil
	}
	q := "SELECT order_key FROM coupon_use WHERE order_key IN (" + times(len(keys), "?") + ")"
	return m, rowsOf(tx, "find orders with coupons", q, anyHashes(keys), func(rows *sql.Rows) error {
		var k []byte
		if err := rows.Scan(&k); err != nil {
			return err
		}
		m[hash(k)] = true
		return nil
	})
}

const (
	useColumns = "customer_id,state,order_number,order_key,shop,api_key_id,staff_id,bill,total_fen,off_fen,returned_fen,expires_at,redeemed_at,created_at,updated_at"

	partColumns = "use_id,coupon_id,batch_id,place,off_fen,returned_fen,budget_day,split"
)

// insertUses inserts uses and sets their ids. It fails as a duplicate when another was quicker with an order.
func insertUses(tx *gorm.DB, list []*model.CouponUse) error {
	ids, err := insertRows(tx, "coupon_use", useColumns, list, func(u *model.CouponUse, args []any) []any {
		return append(args, u.CustomerID, u.State, u.OrderNumber, u.OrderKey, u.Shop, u.APIKeyID, u.StaffID, u.Bill, u.TotalFen, u.OffFen, u.ReturnedFen,
			u.ExpiresAt, u.RedeemedAt, u.CreatedAt, u.UpdatedAt)
	})
	for i, id := range ids {
		list[i].ID = id
	}
	return err
}

func insertParts(tx *gorm.DB, list []*model.CouponUsePart) error {
	ids, err := insertRows(tx, "coupon_use_part", partColumns, list, func(p *model.CouponUsePart, args []any) []any {
		return append(args, p.UseID, p.CouponID, p.BatchID, p.Place, p.OffFen, p.ReturnedFen, p.BudgetDay, p.Split)
	})
	for i, id := range ids {
		list[i].ID = id
	}
	return err
}

// byRow writes the value that a column has in each of some rows: as it is where all rows have the same, else by their key.
func byRow[Row any, V comparable](rows []Row, key func(Row) int64, column string, value func(Row) V, args *[]any) string {
	first := value(rows[0])
	if !slices.ContainsFunc(rows, func(r Row) bool { return value(r) != first }) {
		*args = append(*args, first)
		return "?"
	}
	for _, r := range rows {
		*args = append(*args, key(r), value(r))
	}
	return "CASE " + column + strings.Repeat(" WHEN ? THEN ?", len(rows)) + " END"
}

// updateCoupons moves coupons that are at the versions they had when they were locked, by one statement.
func updateCoupons(tx *gorm.DB, coupons []*model.Coupon, from map[int64]int) error {
	id := func(c *model.Coupon) int64 { return c.ID }
	for part := range slices.Chunk(coupons, statementRows) {
		var args []any
		q := "UPDATE coupon SET state = " + byRow(part, id, "id", func(c *model.Coupon) string { return c.State }, &args) +
			", customer_id = " + byRow(part, id, "id", func(c *model.Coupon) int64 { return c.CustomerID }, &args) +
			", use_id = " + byRow(part, id, "id", func(c *model.Coupon) int64 { return c.UseID }, &args) +
			", balance_fen = " + byRow(part, id, "id", func(c *model.Coupon) model.Fen { return c.BalanceFen }, &args) +
			", version = " + byRow(part, id, "id", func(c *model.Coupon) int { return c.Version }, &args) +
			", moved_at = ? WHERE id IN (" + times(len(part), "?") + ") AND version = "
		args = append(args, part[0].MovedAt)
		for _, c := range part {
			args = append(args, c.ID)
		}
		q += byRow(part, id, "id", func(c *model.Coupon) int { return from[c.ID] }, &args)
		if err := exactly(tx, len(part), q, args...); err != nil {
			return err
		}
	}
	return nil
}

// addBudgets adds to what is used of budgets of one day, or of all time, if their limits allow it. What is given back is always taken.
func addBudgets(tx *gorm.DB, day string, deltas []*model.CouponBudget) error {
	batch := func(d *model.CouponBudget) int64 { return d.BatchID }
	for part := range slices.Chunk(deltas, statementRows) {
		var args []any
		count := func() string {
			return byRow(part, batch, "batch_id", func(d *model.CouponBudget) int64 { return d.UsedCount }, &args)
		}
		fen := func() string {
			return byRow(part, batch, "batch_id", func(d *model.CouponBudget) model.Fen { return d.UsedFen }, &args)
		}
		q := "UPDATE coupon_budget SET used_count = used_count + " + count() + ", used_fen = used_fen + " + fen() +
			" WHERE day = ? AND batch_id IN (" + times(len(part), "?") + ")"
		args = append(args, day)
		for _, d := range part {
			args = append(args, d.BatchID)
		}
		q += " AND (" + count() + " <= 0 OR limit_count = 0 OR used_count + " + count() + " <= limit_count)" +
			" AND (" + fen() + " <= 0 OR limit_fen = 0 OR used_fen + " + fen() + " <= limit_fen)"
		if err := exactly(tx, len(part), q, args...); err != nil {
			return err
		}
	}
	return nil
}
