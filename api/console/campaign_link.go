package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/campaign"
)

// CampaignLink leads on and is counted.
type CampaignLink struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind" doc:"web, miniapp"`
	Path      string     `json:"path,omitempty" doc:"behind the address of this server; of links to the web"`
	Target    string     `json:"target" doc:"where it leads; of mini-programs the path to use"`
	Visits    int64      `json:"visits"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
}

func (h *Handlers) campaignLink(l *model.ShortLink, visits int64) CampaignLink {
	out := CampaignLink{ID: h.IDs.Of(model.KindShortLink, l.ID), Kind: l.Kind, Target: l.Target, Visits: visits, EndedAt: l.GoneAt, CreatedAt: l.CreatedAt}
	if l.Kind == campaign.LinkWeb {
		out.Path = campaign.LinkPath + l.Code
	}
	return out
}

// ListCampaignLinks lists a campaign's short links.
func (h *Handlers) ListCampaignLinks(ctx context.Context, in *IDPath) (*Page[CampaignLink], error) {
	id, err := h.IDs.Row(model.KindCampaign, in.ID)
	if err != nil {
		return nil, err
	}
	rows, err := h.Campaigns.Links(ctx, id)
	if err != nil {
		return nil, err
	}
	var items []CampaignLink
	for i := range rows {
		items = append(items, h.campaignLink(&rows[i].ShortLink, rows[i].Visits))
	}
	return whole(items), nil
}

// CreateCampaignLinkInput says where a link is to lead.
type CreateCampaignLinkInput struct {
	IDPath
	Body struct {
		Kind   string `json:"kind" enum:"web,miniapp"`
		Target string `json:"target" minLength:"1" maxLength:"1000" doc:"https address, or path in the mini-program"`
	}
}

// CreateCampaignLink makes a short link of a campaign.
func (h *Handlers) CreateCampaignLink(ctx context.Context, in *CreateCampaignLinkInput) (*One[CampaignLink], error) {
	id, err := h.IDs.Row(model.KindCampaign, in.ID)
	if err != nil {
		return nil, err
	}
	l, err := h.Campaigns.CreateLink(ctx, ViewerOf(ctx), campaign.NewLink{CampaignID: id, Kind: in.Body.Kind, Target: in.Body.Target})
	if err != nil {
		return nil, err
	}
	return one(h.campaignLink(l, 0)), nil
}

// EndCampaignLink makes a link lead nowhere.
func (h *Handlers) EndCampaignLink(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindShortLink, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Campaigns.EndLink(ctx, id)
}
