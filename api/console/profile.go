package console

import (
	"context"
	"maps"
	"slices"
	"time"

	"zhiyin/model"
	"zhiyin/service/privacy"
	"zhiyin/service/profile"
)

// Profile is what is known of a customer in fixed and custom fields.
type Profile struct {
	Name         string          `json:"name"`
	Avatar       string          `json:"avatar,omitempty"`
	Gender       int             `json:"gender" doc:"0 unknown, 1 male, 2 female"`
	City         string          `json:"city,omitempty"`
	Birthday     string          `json:"birthday,omitempty" doc:"yyyy-mm-dd; the year is hidden from who may not see it"`
	Minor        bool            `json:"minor" doc:"known to be under 14"`
	HasPhone     bool            `json:"has_phone"`
	Completeness int             `json:"completeness" doc:"in basis points"`
	Fields       []Answer        `json:"fields" nullable:"false"`
	First        *Touch          `json:"first_touch,omitempty" doc:"where the customer came from"`
	Last         *Touch          `json:"last_touch,omitempty" doc:"where they came from last"`
	Messages     []ContactChoice `json:"messages" nullable:"false" doc:"how much they want to hear; nothing chosen means all"`
	Held         []HeldContent   `json:"held" nullable:"false" doc:"what the customer wrote and other customers don't see"`
}

// HeldContent is a field whose content other customers don't see.
type HeldContent struct {
	Field  string `json:"field" doc:"name, avatar, city, fields.…"`
	State  string `json:"state" enum:"waiting,review,refused"`
	Reason string `json:"reason,omitempty"`
}

// Answer is a custom field with a customer's values.
type Answer struct {
	CustomField
	Values []string `json:"values" nullable:"false" doc:"empty: not answered; of a sealed field **** for who may not see it"`
	Source string   `json:"source,omitempty" doc:"who said so"`
}

// Touch is where a customer came from.
type Touch struct {
	Source        string    `json:"source"`
	ChannelCodeID string    `json:"channel_code_id,omitempty"`
	StaffID       string    `json:"staff_id,omitempty"`
	Campaign      string    `json:"campaign,omitempty"`
	Link          string    `json:"link,omitempty"`
	Referrer      string    `json:"referrer,omitempty"`
	Scene         int       `json:"scene,omitempty" doc:"the mini-program platform's number"`
	At            time.Time `json:"at"`
}

// ContactChoice is how much a customer wants to hear by a channel.
type ContactChoice struct {
	Channel string `json:"channel" doc:"empty: every channel; with # before it: a topic, by any channel"`
	Choice  string `json:"choice" enum:"all,fewer,none"`
}

// GetProfile gives a customer's profile.
func (h *Handlers) GetProfile(ctx context.Context, in *IDPath) (*One[Profile], error) {
	id, err := h.seen(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	p, err := h.Profiles.Of(ctx, id)
	if err != nil {
		return nil, err
	}
	out := h.profile(p, ViewerOf(ctx).May(sensitive))
	touches, err := h.Profiles.Touches(ctx, id)
	if err != nil {
		return nil, err
	}
	out.First, out.Last = h.touch(touches[profile.First]), h.touch(touches[profile.Last])
	choices, err := h.Privacy.Contact(ctx, id)
	for _, channel := range slices.Sorted(maps.Keys(choices)) {
		out.Messages = append(out.Messages, ContactChoice{channel, choices[channel]})
	}
	return one(out), err
}

// sensitive is the permission to see in full what is masked for others.
const sensitive = "customer.sensitive"

// seen is the row of a customer whom the viewer may see.
func (h *Handlers) seen(ctx context.Context, publicID string) (int64, error) {
	id, err := h.IDs.Row(model.KindCustomer, publicID)
	if err != nil {
		return 0, err
	}
	return id, h.Customers.Sees(ctx, ViewerOf(ctx), id)
}

func (h *Handlers) profile(p *profile.Profile, full bool) Profile {
	out := Profile{
		Name: p.Name, Avatar: p.Avatar, Gender: p.Gender, City: p.City, Birthday: p.Birthday, Minor: p.Minor, HasPhone: p.HasPhone,
		Completeness: p.Completeness, Fields: []Answer{}, Messages: []ContactChoice{}, Held: []HeldContent{},
	}
	for _, held := range p.Held {
		out.Held = append(out.Held, HeldContent(held))
	}
	if !full && p.Birthday != "" {
		out.Birthday = "****" + p.Birthday[4:]
	}
	for _, a := range p.Answers {
		values := texts(a.Values)
		if a.Field.Sealed && !full {
			values = make([]string, len(a.Values))
			for i := range values {
				values[i] = "****"
			}
		}
		out.Fields = append(out.Fields, Answer{h.customField(a.Field), values, a.Source})
	}
	return out
}

func (h *Handlers) touch(t *model.CustomerTouch) *Touch {
	if t == nil {
		return nil
	}
	return &Touch{
		t.Source, h.IDs.Of(model.KindChannelCode, t.ChannelCodeID), h.IDs.Of(model.KindStaff, t.StaffID), t.Campaign, t.Link, t.Referrer, t.Scene, t.TouchedAt,
	}
}

// UpdateProfileInput says what to change of a customer's profile; what is absent stays, what is empty is
// cleared.
type UpdateProfileInput struct {
	IDPath
	Body struct {
		Name     *string             `json:"name,omitempty" maxLength:"32"`
		Gender   *int                `json:"gender,omitempty" minimum:"0" maximum:"2"`
		City     *string             `json:"city,omitempty" maxLength:"32"`
		Birthday *string             `json:"birthday,omitempty" maxLength:"10" doc:"yyyy-mm-dd"`
		Fields   map[string][]string `json:"fields,omitempty" doc:"values by the names of custom fields; an empty list clears one"`
	}
}

// UpdateProfile changes a customer's profile, with history. The WeCom remark stays what it is.
func (h *Handlers) UpdateProfile(ctx context.Context, in *UpdateProfileInput) (*None, error) {
	id, err := h.seen(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	return &None{}, h.Profiles.Edit(ctx, id, profile.Edit{Name: b.Name, Gender: b.Gender, City: b.City, Birthday: b.Birthday, Answers: b.Fields},
		profile.By{Source: ViewerOf(ctx).Face, StaffID: ViewerOf(ctx).StaffID})
}

// SetContactInput is what a customer has told a staff member.
type SetContactInput struct {
	IDPath
	Body struct {
		Channel string `json:"channel,omitempty" pattern:"^(#?[a-z][a-z0-9_]{0,30})?$" doc:"empty: every channel; with # before it: a topic, by any channel"`
		Choice  string `json:"choice" enum:"all,fewer,none"`
		Reason  string `json:"reason,omitempty" maxLength:"200"`
	}
}

// SetContact records how much a customer wants to hear, as they have told a staff member.
func (h *Handlers) SetContact(ctx context.Context, in *SetContactInput) (*None, error) {
	id, err := h.seen(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Privacy.Choose(ctx, privacy.ChoiceInput{
		CustomerID: id, Channel: in.Body.Channel, Choice: in.Body.Choice, Source: privacy.ByConsole, StaffID: ViewerOf(ctx).StaffID, Reason: in.Body.Reason,
	})
}

// RevealInput asks to be shown in full what is masked otherwise.
type RevealInput struct {
	IDPath
	Body struct {
		What    string `json:"what" pattern:"^(phone|birthday|field\\.[a-z][a-z0-9_]*)$" maxLength:"80" doc:"phone, birthday, or field. and the name of a sealed custom field"`
		Purpose string `json:"purpose" minLength:"4" maxLength:"200" doc:"why; it is kept"`
	}
}

// Revealed is what is masked otherwise.
type Revealed struct {
	Values []string `json:"values" nullable:"false"`
	Left   int      `json:"left" doc:"how often one may still ask today"`
}

// Reveal shows a customer's phone number, birthday or sealed field, within the day's quota.
func (h *Handlers) Reveal(ctx context.Context, in *RevealInput) (*One[Revealed], error) {
	id, err := h.IDs.Row(model.KindCustomer, in.ID)
	if err != nil {
		return nil, err
	}
	r, err := h.Profiles.Reveal(ctx, ViewerOf(ctx), profile.RevealInput{CustomerID: id, What: in.Body.What, Purpose: in.Body.Purpose})
	if err != nil {
		return nil, err
	}
	return one(Revealed{r.Values, r.Left}), nil
}
