package bench

import (
	"context"
	"fmt"
	"sync"

	"zhiyin/model"
	"zhiyin/service/coupon"
)

// held are coupons for the uses to come, of so many batches in turn, each of another customer.
func (b *couponBench) held(ctx context.Context, n, batches int, budget model.Fen) (list []*model.Coupon, err error) {
	if b.service == nil {
		if b.service, _, err = b.open(ctx); err != nil {
			return nil, err
		}
	}
	of := make([]int64, batches)
	for i := range of {
		if of[i], err = b.offer(ctx, b.service, int64(n), budget); err != nil {
			return nil, err
		}
	}
	list = make([]*model.Coupon, n)
	var wg sync.WaitGroup
	var bad failures
	for w := range b.Callers {
		wg.Go(func() {
			for i := w; i < n; i += b.Callers {
				var err error
				list[i], err = b.service.Issue(ctx, b.input(of[i%batches], i, "to-be-used"))
				bad.note(err)
			}
		})
	}
	wg.Wait()
	return list, bad.of("coupons to be used")
}

func billOf(order string) coupon.Bill {
	return coupon.Bill{Order: order, Shop: "hangzhou", Lines: []coupon.Line{{Line: 1, Quantity: 2, PriceFen: 4_990}, {Line: 2, Quantity: 1, PriceFen: 12_000}}}
}

func (b *couponBench) validateOne(ctx context.Context, c *model.Coupon) error {
	return second(b.service.Validate(ctx, c.CustomerID, []int64{c.ID}, billOf("")))
}

func (b *couponBench) redeemOne(ctx context.Context, c *model.Coupon) error {
	return second(b.service.Redeem(ctx, coupon.UseInput{
		Key: coupon.Key{Whose: "key:1", Name: fmt.Sprintf("redeem-%d", c.ID)}, CustomerID: c.CustomerID, Coupons: []int64{c.ID}, Bill: billOf(fmt.Sprintf("B%d", c.ID)),
	}))
}

func (b *couponBench) validate(ctx context.Context) error {
	list, err := b.held(ctx, b.Uses, 1, hotBudget)
	if err != nil {
		return err
	}
	return b.run("validations", len(list), func(i int) error { return b.validateOne(ctx, list[i]) })
}

// hotBudget is a limit that is never reached.
const hotBudget = model.Fen(1_000_000_000)

// redeemHot uses distinct coupons, all of one batch, so that all are charged to one budget.
func (b *couponBench) redeemHot(ctx context.Context) error {
	return b.redeem(ctx, "redemptions, one hot budget", 1)
}

// redeemDistinct uses distinct coupons of as many batches as there are callers, and four times more.
func (b *couponBench) redeemDistinct(ctx context.Context) error {
	return b.redeem(ctx, "redemptions, many budgets", 4*b.Callers)
}

func (b *couponBench) redeem(ctx context.Context, name string, batches int) error {
	list, err := b.held(ctx, b.Uses, batches, hotBudget)
	if err != nil {
		return err
	}
	return b.run(name, len(list), func(i int) error { return b.redeemOne(ctx, list[i]) })
}

// latency is what those wait who come at their own times: tills that validate and redeem, at the same time, a load that leaves
// the machine room. Where callers wait for one another in a loop, how long each takes says only how many callers there are.
func (b *couponBench) latency(ctx context.Context) error {
	n := int(b.Duration.Seconds() * float64(b.Rate))
	list, err := b.held(ctx, 2*n, 16, hotBudget)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	var validating, redeeming error
	wg.Go(func() {
		validating = b.arrive("single validations", n, func(i int) error { return b.validateOne(ctx, list[n+i]) })
	})
	wg.Go(func() {
		redeeming = b.arrive("single redemptions", n, func(i int) error { return b.redeemOne(ctx, list[i]) })
	})
	wg.Wait()
	return cmpErr(validating, redeeming)
}
