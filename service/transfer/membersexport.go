package transfer

import (
	"context"
	"encoding/json"
	"strconv"

	"zhiyin/model"
	"zhiyin/service/campaign"
	"zhiyin/service/customer"
)

// MemberFilter selects members of a run of a campaign; ids are row ids.
type MemberFilter struct {
	CampaignID int64  `json:"campaign_id"`
	RunID      int64  `json:"run_id"`
	VariantID  int64  `json:"variant_id,omitempty"`
	Outcome    string `json:"outcome,omitempty"`
	Reason     string `json:"reason,omitempty"`
}

// membersExport takes out everybody who was in the audience of a campaign's run, with what they got or why they got nothing.
func membersExport(d Deps, campaigns *campaign.Service, people *customer.Service, viewers Viewers) Exporter {
	columns := []Column{
		{Key: "customer", Zh: "客户", En: "Customer"}, {Key: "variant", Zh: "版本", En: "Variant"}, {Key: "outcome", Zh: "结果", En: "Outcome"}, {Key: "reason", Zh: "原因", En: "Reason"},
		{Key: "class", Zh: "失败类别", En: "Class of failure"}, {Key: "code", Zh: "错误码", En: "Error code"}, {Key: "canary", Zh: "灰度", En: "Canary"},
		{Key: "accepted_at", Zh: "发出时间", En: "Accepted at"}, {Key: "read_at", Zh: "阅读时间", En: "Read at"}, {Key: "clicked_at", Zh: "点击时间", En: "Clicked at"},
		{Key: "converted_at", Zh: "转化时间", En: "Converted at"},
	}
	page := func(ctx context.Context, q Query, from string, limit int) (rows [][]string, next string, err error) {
		v, err := viewers.ViewerNow(ctx, q.StaffID)
		if err != nil {
			return nil, "", err
		}
		if !v.May("delivery.read") {
			return nil, "", ErrKind
		}
		f, err := readFilter[MemberFilter](q.Filter)
		if err != nil {
			return nil, "", err
		}
		in := campaign.MemberFilter{VariantID: f.VariantID, Outcome: f.Outcome, Reason: f.Reason, Limit: min(limit, 500)}
		if from != "" {
			if err := json.Unmarshal([]byte(from), &in.After); err != nil {
				return nil, "", err
			}
		}
		list, end, err := campaigns.Members(ctx, f.CampaignID, f.RunID, in)
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
			rows = append(rows, pick(q.Columns, memberCells(d, &list[i], called[list[i].CustomerID])))
		}
		if end == (campaign.MemberPlace{}) {
			return rows, "", nil
		}
		place, err := json.Marshal(end)
		return rows, string(place), err
	}
	return Exporter{
		Kind: "campaign_members", Zh: "活动人群", En: "Members of a campaign's run",
		Columns: func(context.Context) ([]Column, error) { return columns, nil },
		Check: func(ctx context.Context, filter []byte) error {
			f, err := readFilter[MemberFilter](filter)
			if err != nil {
				return err
			}
			_, _, err = campaigns.Members(ctx, f.CampaignID, f.RunID, campaign.MemberFilter{Limit: 1})
			return err
		},
		Page: page,
	}
}

func memberCells(d Deps, m *campaign.Member, name string) map[string]string {
	sent := m.Delivery
	if sent == nil {
		sent = &model.Delivery{Reason: m.Excluded}
	}
	cells := map[string]string{
		"customer": name, "variant": m.Variant, "outcome": m.Outcome, "reason": sent.Reason, "class": sent.Class, "accepted_at": moment(sent.AcceptedAt, d.Zone),
		"read_at": moment(sent.ReadAt, d.Zone), "clicked_at": moment(sent.ClickedAt, d.Zone), "converted_at": moment(sent.ConvertedAt, d.Zone),
	}
	if sent.Code != 0 {
		cells["code"] = strconv.Itoa(sent.Code)
	}
	if m.Canary {
		cells["canary"] = "1"
	}
	return cells
}
