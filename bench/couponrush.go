package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/coupon"
)

// raw is what no rush can do without: the counter's row locked, coupons inserted, the counter raised; one commit
// for as many as one commit of the service takes.
func (b *couponBench) raw(ctx context.Context) error {
	_, batch, err := b.open(ctx)
	if err != nil {
		return err
	}
	const group = 256
	began, cpu, server := time.Now(), ownCPU(), processCPU(b.ServerPID)
	for from := 0; from < b.Stock; from += group {
		err := model.InTx(ctx, b.db, func(tx *gorm.DB) error {
			var count model.CouponCount
			if err := model.ForUpdate(tx).Where("batch_id = ?", batch).Take(&count).Error; err != nil {
				return err
			}
			now := clock.System()
			rows := make([]*model.Coupon, min(group, b.Stock-from))
			for i := range rows {
				id := int64(from + i + 1)
				rows[i] = &model.Coupon{BatchID: batch, CustomerID: id, ClaimerID: id, Number: 1, State: coupon.Usable, ValidFrom: now, ValidUntil: now, CreatedAt: now, MovedAt: now}
			}
			if err := tx.Create(rows).Error; err != nil {
				return err
			}
			return tx.Model(&count).UpdateColumn("issued", gorm.Expr("issued + ?", len(rows))).Error
		})
		if err != nil {
			return err
		}
	}
	took := time.Since(began)
	fmt.Fprintf(b.out, "%-34s %8.0f/s  CPU %.2f s for %d coupons\n", "raw SQL, coupons alone", float64(b.Stock)/took.Seconds(),
		(ownCPU() - cpu + processCPU(b.ServerPID) - server).Seconds(), b.Stock)
	return b.db.Where("batch_id = ?", batch).Delete(&model.Coupon{}).Error
}

// bareLock is the usual way: one transaction per claim that lowers the stock by a conditional update and inserts a coupon, and nothing else
// of what the service does: no key, no ledger, no fact, no limit but the unique number of the customer.
func (b *couponBench) bareLock(ctx context.Context) error {
	_, batch, err := b.open(ctx)
	if err != nil {
		return err
	}
	err = b.run("one bare row lock per claim", b.Attempts, func(i int) error {
		return soldOutIsFine(model.InTx(ctx, b.db, func(tx *gorm.DB) error {
			res := tx.Exec("UPDATE coupon_count SET issued = issued + 1 WHERE batch_id = ? AND issued < stock", batch)
			if res.Error != nil {
				return res.Error
			}
			if res.RowsAffected == 0 {
				return coupon.ErrSoldOut
			}
			id, now := int64(i+1), clock.System()
			return tx.Create(&model.Coupon{BatchID: batch, CustomerID: id, ClaimerID: id, Number: 1, State: coupon.Usable, ValidFrom: now, ValidUntil: now, CreatedAt: now, MovedAt: now}).Error
		}))
	})
	return errors.Join(err, b.db.Where("batch_id = ?", batch).Delete(&model.Coupon{}).Error)
}

func (b *couponBench) input(batch int64, i int, key string) coupon.IssueInput {
	return coupon.IssueInput{
		BatchID: batch, CustomerID: int64(i + 1), Source: coupon.SourceClaim,
		Key: coupon.Key{Whose: "customer:" + strconv.Itoa(i+1), Name: key + "-" + strconv.FormatInt(batch, 10)},
	}
}

func soldOutIsFine(err error) error {
	if errors.Is(err, coupon.ErrSoldOut) {
		return nil
	}
	return err
}

func (b *couponBench) rowLock(ctx context.Context) error {
	s, batch, err := b.open(ctx)
	if err != nil {
		return err
	}
	return b.run("one row lock per claim", b.Attempts, func(i int) error {
		return soldOutIsFine(model.InTx(ctx, b.db, func(tx *gorm.DB) error {
			_, err := s.IssueTx(tx, b.input(batch, i, "row-lock"))
			return err
		}))
	})
}

func (b *couponBench) rush(ctx context.Context) (err error) {
	if b.service, b.batch, err = b.open(ctx); err != nil {
		return err
	}
	var won atomic.Int64
	err = b.run("the service", b.Attempts, func(i int) error {
		_, err := b.service.Issue(ctx, b.input(b.batch, i, "the-rush"))
		if err == nil {
			won.Add(1)
		}
		return soldOutIsFine(err)
	})
	if err == nil && won.Load() != int64(b.Stock) {
		err = fmt.Errorf("%d coupons issued of a stock of %d", won.Load(), b.Stock)
	}
	return err
}

func (b *couponBench) refusals(ctx context.Context) error {
	return b.run("refusals after it is sold out", b.Attempts, func(i int) error {
		return soldOutIsFine(second(b.service.Issue(ctx, b.input(b.batch, b.Attempts+i, "too-late"))))
	})
}
