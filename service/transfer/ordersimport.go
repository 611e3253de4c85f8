package transfer

import (
	"cmp"
	"context"
	"slices"

	"gorm.io/gorm"

	"zhiyin/service/catalog"
	"zhiyin/service/clock"
)

// orderColumns: a row is an order of one product.
var orderColumns = []Column{
	{Key: "number", Zh: "订单号", En: "Order number", Aliases: []string{"订单编号"}, Kind: Text, Required: true},
	{Key: "shop", Zh: "店铺", En: "Shop", Kind: Text},
	{Key: "status", Zh: "状态", En: "Status", Aliases: []string{"订单状态"}, Kind: Choice, Choices: []Option{
		{catalog.StatusPlaced, []string{"待付款", "已下单"}}, {catalog.StatusPaid, []string{"已付款", "待发货"}}, {catalog.StatusShipped, []string{"已发货"}},
		{catalog.StatusCompleted, []string{"已完成", "交易成功"}}, {catalog.StatusCancelled, []string{"已取消", "已关闭", "交易关闭"}},
	}},
	{Key: "product", Zh: "商品编号", En: "Product number", Kind: Text},
	{Key: "product_name", Zh: "商品名称", En: "Product", Aliases: []string{"商品"}, Kind: Text},
	{Key: "quantity", Zh: "数量", En: "Quantity", Kind: Count},
	{Key: "total", Zh: "订单金额", En: "Total", Aliases: []string{"总金额", "金额"}, Kind: Money, Required: true},
	{Key: "paid", Zh: "实付金额", En: "Paid", Aliases: []string{"实付"}, Kind: Money},
	{Key: "placed_at", Zh: "下单时间", En: "Placed at", Kind: Time, Required: true},
	{Key: "paid_at", Zh: "付款时间", En: "Paid at", Aliases: []string{"支付时间"}, Kind: Time},
	{Key: "completed_at", Zh: "完成时间", En: "Completed at", Kind: Time},
}

// ordersImport brings in orders, one of one product per row. Their customers may come later.
func ordersImport(c *catalog.Service, now clock.Clock) Importer {
	return Importer{
		Kind: "orders", Zh: "订单", En: "Orders",
		Columns: func(context.Context) ([]Column, error) { return slices.Concat(orderColumns, personColumns()), nil },
		Apply: func(tx *gorm.DB, b Batch) (outcomes []Outcome, err error) {
			for page := range slices.Chunk(b.Rows, catalog.MaxBatch) {
				var in []catalog.OrderInput
				for _, row := range page {
					in = append(in, orderOf(row, now().UnixMilli()))
				}
				results, err := c.UpsertOrdersTx(tx, in)
				if err != nil {
					return nil, err
				}
				for _, r := range results {
					outcomes = append(outcomes, outcomeOf(r))
				}
			}
			return outcomes, nil
		},
	}
}

// orderOf reads a row. What is imported is as new as the latest moment it speaks of, so that what a shop system
// tells of the order later or has told already counts more.
func orderOf(row Row, now int64) catalog.OrderInput {
	v := row.Values
	in := catalog.OrderInput{
		Number: v["number"].Text, Shop: v["shop"].Text, Status: cmp.Or(v["status"].Text, catalog.StatusCompleted),
		TotalFen: v["total"].Fen(), PaidFen: v["paid"].Fen(), PlacedAt: v["placed_at"].Time,
	}
	latest := in.PlacedAt
	if at, there := v["paid_at"]; there {
		in.PaidAt, latest = &at.Time, later(latest, at.Time)
	}
	if at, there := v["completed_at"]; there {
		in.CompletedAt, latest = &at.Time, later(latest, at.Time)
	}
	if in.Status != catalog.StatusPlaced && in.Status != catalog.StatusCancelled {
		if _, there := v["paid"]; !there {
			in.PaidFen = in.TotalFen
		}
		if in.PaidAt == nil {
			in.PaidAt = &in.PlacedAt
		}
	}
	if in.Status == catalog.StatusCompleted && in.CompletedAt == nil {
		in.CompletedAt = in.PaidAt
	}
	in.DiscountFen = in.TotalFen - in.PaidFen
	if in.Status == catalog.StatusPlaced || in.Status == catalog.StatusCancelled {
		in.DiscountFen = 0
	}
	in.Version = min(latest.UnixMilli(), now)
	if product := cmp.Or(v["product"].Text, v["product_name"].Text); product != "" {
		quantity := max(v["quantity"].Number, 1)
		in.Lines = []catalog.LineInput{{
			Line: 1, Product: product, Name: cmp.Or(v["product_name"].Text, product), Quantity: quantity,
			PriceFen: in.TotalFen / fenOf(quantity), PaidFen: in.PaidFen,
		}}
	}
	if who := seen(row); len(who) > 0 {
		in.Buyer = catalog.Buyer{Kind: who[0].Kind, Scope: who[0].Scope, Value: who[0].Value}
	}
	return in
}

func outcomeOf(r catalog.Outcome) Outcome {
	switch r.Result {
	case catalog.Created:
		return Outcome{Result: Created}
	case catalog.Updated:
		return Outcome{Result: Updated}
	case catalog.Refused:
		return failed(r.Fault)
	}
	return Outcome{Result: Unchanged}
}
