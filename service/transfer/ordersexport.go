package transfer

import (
	"context"
	"encoding/json"
	"time"

	"zhiyin/service/catalog"
)

// OrderFilter selects orders to be exported.
type OrderFilter struct {
	Shop       string     `json:"shop,omitempty"`
	Status     string     `json:"status,omitempty"`
	PlacedFrom *time.Time `json:"placed_from,omitempty"`
	PlacedTo   *time.Time `json:"placed_to,omitempty"`
}

// ordersExport takes out the orders of the customers that somebody may see.
func ordersExport(d Deps, orders *catalog.Service, viewers Viewers) Exporter {
	columns := []Column{
		{Key: "number", Zh: "订单号", En: "Order number"}, {Key: "shop", Zh: "店铺", En: "Shop"}, {Key: "status", Zh: "状态", En: "Status"}, {Key: "customer", Zh: "客户", En: "Customer"},
		{Key: "total", Zh: "订单金额", En: "Total"}, {Key: "discount", Zh: "优惠", En: "Discount"}, {Key: "paid", Zh: "实付金额", En: "Paid"}, {Key: "refunded", Zh: "已退金额", En: "Refunded"},
		{Key: "placed_at", Zh: "下单时间", En: "Placed at"}, {Key: "paid_at", Zh: "付款时间", En: "Paid at"}, {Key: "completed_at", Zh: "完成时间", En: "Completed at"},
	}
	page := func(ctx context.Context, q Query, from string, limit int) (rows [][]string, next string, err error) {
		v, err := viewers.ViewerNow(ctx, q.StaffID)
		if err != nil {
			return nil, "", err
		}
		f, err := readFilter[OrderFilter](q.Filter)
		if err != nil {
			return nil, "", err
		}
		in := catalog.OrderFilter{Shop: f.Shop, Status: f.Status, Limit: min(limit, 200)}
		if f.PlacedFrom != nil {
			in.PlacedFrom = *f.PlacedFrom
		}
		if f.PlacedTo != nil {
			in.PlacedTo = *f.PlacedTo
		}
		if from != "" {
			if err := json.Unmarshal([]byte(from), &in.After); err != nil {
				return nil, "", err
			}
		}
		list, end, err := orders.Orders(ctx, v, in)
		if err != nil {
			return nil, "", err
		}
		for _, o := range list {
			rows = append(rows, pick(q.Columns, map[string]string{
				"number": o.Number, "shop": o.Shop, "status": o.Status, "customer": o.CustomerName, "total": yuan(o.TotalFen), "discount": yuan(o.DiscountFen),
				"paid": yuan(o.PaidFen), "refunded": yuan(o.RefundedFen), "placed_at": moment(&o.PlacedAt, d.Zone), "paid_at": moment(o.PaidAt, d.Zone), "completed_at": moment(o.CompletedAt, d.Zone),
			}))
		}
		if end != (catalog.Place{}) {
			place, err := json.Marshal(end)
			return rows, string(place), err
		}
		return rows, "", nil
	}
	return Exporter{
		Kind: "orders", Zh: "订单", En: "Orders",
		Columns: func(context.Context) ([]Column, error) { return columns, nil },
		Check:   func(_ context.Context, filter []byte) error { _, err := readFilter[OrderFilter](filter); return err },
		Page:    page,
	}
}
