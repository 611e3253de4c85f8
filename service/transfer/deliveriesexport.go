package transfer

import (
	"context"
	"encoding/json"
	"strconv"

	"zhiyin/service/customer"
	"zhiyin/service/outreach"
)

// DeliveryFilter selects deliveries to be exported; ids are row ids.
type DeliveryFilter struct {
	Source   string           `json:"source"`
	SourceID int64            `json:"source_id"`
	Step     string           `json:"step,omitempty"`
	States   []outreach.State `json:"states,omitempty"`
}

// deliveriesExport takes out who got the messages of a source, who did not, and why: for those who see all customers.
func deliveriesExport(d Deps, ledger *outreach.Service, people *customer.Service, viewers Viewers) Exporter {
	columns := []Column{
		{Key: "customer", Zh: "客户", En: "Customer"}, {Key: "channel", Zh: "渠道", En: "Channel"}, {Key: "step", Zh: "步骤", En: "Step"}, {Key: "state", Zh: "状态", En: "State"},
		{Key: "reason", Zh: "原因", En: "Reason"}, {Key: "class", Zh: "失败类别", En: "Class of failure"}, {Key: "code", Zh: "错误码", En: "Error code"},
		{Key: "attempts", Zh: "尝试次数", En: "Attempts"}, {Key: "due_at", Zh: "计划时间", En: "Due at"}, {Key: "accepted_at", Zh: "发出时间", En: "Accepted at"},
		{Key: "read_at", Zh: "阅读时间", En: "Read at"}, {Key: "clicked_at", Zh: "点击时间", En: "Clicked at"}, {Key: "converted_at", Zh: "转化时间", En: "Converted at"},
	}
	page := func(ctx context.Context, q Query, from string, limit int) (rows [][]string, next string, err error) {
		v, err := viewers.ViewerNow(ctx, q.StaffID)
		if err != nil {
			return nil, "", err
		}
		if !v.May("delivery.read") {
			return nil, "", ErrKind
		}
		f, err := readFilter[DeliveryFilter](q.Filter)
		if err != nil {
			return nil, "", err
		}
		in := outreach.Filter{Source: f.Source, SourceID: f.SourceID, Step: f.Step, States: f.States, Limit: min(limit, 500)}
		if from != "" {
			if err := json.Unmarshal([]byte(from), &in.After); err != nil {
				return nil, "", err
			}
		}
		list, err := ledger.List(ctx, in)
		if err != nil {
			return nil, "", err
		}
		ids := make([]int64, len(list))
		for i := range list {
			ids[i] = list[i].CustomerID
		}
		called, err := people.Names(ctx, ids)
		if err != nil {
			return nil, "", err
		}
		for i := range list {
			l := &list[i]
			code := ""
			if l.Code != 0 {
				code = strconv.Itoa(l.Code)
			}
			rows = append(rows, pick(q.Columns, map[string]string{
				"customer": called[l.CustomerID], "channel": l.Lane.Channel, "step": l.Step, "state": outreach.State(l.State).String(), "reason": l.Reason,
				"class": l.Class, "code": code, "attempts": strconv.Itoa(l.Attempts), "due_at": moment(&l.DueAt, d.Zone), "accepted_at": moment(l.AcceptedAt, d.Zone),
				"read_at": moment(l.ReadAt, d.Zone), "clicked_at": moment(l.ClickedAt, d.Zone), "converted_at": moment(l.ConvertedAt, d.Zone),
			}))
		}
		if len(list) < in.Limit {
			return rows, "", nil
		}
		place, err := json.Marshal(list[len(list)-1].At())
		return rows, string(place), err
	}
	return Exporter{
		Kind: "deliveries", Zh: "触达记录", En: "Deliveries",
		Columns: func(context.Context) ([]Column, error) { return columns, nil },
		Check: func(_ context.Context, filter []byte) error {
			f, err := readFilter[DeliveryFilter](filter)
			if err == nil && (f.Source == "" || f.SourceID == 0) {
				err = outreach.ErrFilter
			}
			return err
		},
		Page: page,
	}
}
