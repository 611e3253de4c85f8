package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/campaign"
)

// CampaignMember is somebody in the audience of a campaign's run, as it was written down, with what became of them.
type CampaignMember struct {
	CustomerID  string     `json:"customer_id,omitempty"`
	GroupID     string     `json:"group_id,omitempty"`
	StaffID     string     `json:"staff_id,omitempty" doc:"in whose name it goes out; where nobody else is meant, who is"`
	VariantID   string     `json:"variant_id,omitempty" doc:"absent: gets nothing"`
	Variant     string     `json:"variant,omitempty"`
	Canary      bool       `json:"canary,omitempty" doc:"among the few who are tried first"`
	Outcome     string     `json:"outcome" doc:"excluded, held_out, none (its message is not planned), or the state of its message"`
	Reason      string     `json:"reason,omitempty" doc:"why they were excluded, or got nothing, or not yet"`
	Class       string     `json:"class,omitempty" doc:"of a failure"`
	Code        int        `json:"code,omitempty" doc:"the platform's"`
	DeliveryID  string     `json:"delivery_id,omitempty"`
	DueAt       *time.Time `json:"due_at,omitempty"`
	AcceptedAt  *time.Time `json:"accepted_at,omitempty"`
	ReadAt      *time.Time `json:"read_at,omitempty"`
	ClickedAt   *time.Time `json:"clicked_at,omitempty"`
	ConvertedAt *time.Time `json:"converted_at,omitempty"`
}

// CampaignMembersInput selects members of a campaign's run.
type CampaignMembersInput struct {
	CampaignReportInput
	PageQuery
	VariantID string `query:"variant_id" doc:"absent: all"`
	Outcome   string `query:"outcome" enum:"excluded,held_out,none,planned,claimed,accepted,sent,delivered,read,clicked,converted,failed,suppressed,expired,cancelled,in_doubt"`
	Reason    string `query:"reason" maxLength:"64" doc:"of the exclusion, of a message that was not sent, or the class of a failure"`
}

// ListCampaignMembers says who was in the audience of a run, who got its message, who did not, and why. A page of a rare outcome may be
// short or empty and yet have a next one.
func (h *Handlers) ListCampaignMembers(ctx context.Context, in *CampaignMembersInput) (*Page[CampaignMember], error) {
	r := h.reader()
	id, run := r.row(model.KindCampaign, in.ID), r.row(model.KindCampaignRun, in.RunID)
	f := campaign.MemberFilter{VariantID: r.optional(model.KindCampaignVariant, in.VariantID), Outcome: in.Outcome, Reason: in.Reason, Limit: in.Limit}
	after, err := unseal[campaign.MemberPlace](h.Cursors, listCampaignMember, in.Cursor)
	r.fail(err)
	if r.err != nil {
		return nil, r.err
	}
	f.After = after
	list, next, err := h.Campaigns.Members(ctx, id, run, f)
	if err != nil {
		return nil, err
	}
	var items []CampaignMember
	for i := range list {
		items = append(items, h.campaignMember(&list[i]))
	}
	return newPage(h, listCampaignMember, items, next)
}

func (h *Handlers) campaignMember(m *campaign.Member) CampaignMember {
	out := CampaignMember{
		CustomerID: h.IDs.Of(model.KindCustomer, m.CustomerID), VariantID: h.IDs.Of(model.KindCampaignVariant, m.VariantID), Variant: m.Variant,
		Canary: m.Canary, Outcome: m.Outcome, Reason: m.Excluded,
	}
	if m.Groups {
		out.GroupID = h.IDs.Of(model.KindGroup, m.TargetID)
	} else {
		out.StaffID = h.IDs.Of(model.KindStaff, m.TargetID)
	}
	if d := m.Delivery; d != nil {
		out.DeliveryID, out.Reason, out.Class, out.Code, out.DueAt = h.IDs.Of(model.KindDelivery, d.ID), d.Reason, d.Class, d.Code, &d.DueAt
		out.AcceptedAt, out.ReadAt, out.ClickedAt, out.ConvertedAt = d.AcceptedAt, d.ReadAt, d.ClickedAt, d.ConvertedAt
	}
	return out
}
