package console

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"zhiyin/model"
	"zhiyin/service/customer"
)

// Customer is a customer as a list shows them.
type Customer struct {
	ID          string     `json:"id"`
	Name        string     `json:"name" doc:"the person's own nickname"`
	Avatar      string     `json:"avatar,omitempty"`
	Gender      int        `json:"gender" doc:"0 unknown, 1 male, 2 female"`
	Type        int        `json:"type" doc:"1 WeChat user, 2 WeCom user"`
	CorpName    string     `json:"corp_name,omitempty"`
	City        string     `json:"city,omitempty"`
	FirstSource string     `json:"first_source,omitempty" doc:"where the person first came from"`
	FirstSeenAt time.Time  `json:"first_seen_at"`
	Relations   []Relation `json:"relations" nullable:"false" doc:"those that the viewer may see, newest first"`
	TagIDs      []string   `json:"tag_ids" nullable:"false" doc:"the tags that the person bears, whoever gave them"`
}

// Relation says that a staff member follows the customer.
type Relation struct {
	ID            string     `json:"id"`
	AccountID     string     `json:"account_id"`
	StaffID       string     `json:"staff_id"`
	StaffName     string     `json:"staff_name"`
	Remark        string     `json:"remark,omitempty"`
	Description   string     `json:"description,omitempty" doc:"only in the detail"`
	RemarkError   string     `json:"remark_error,omitempty" doc:"why the platform refused the last remark"`
	Status        string     `json:"status" doc:"active, half, left, removed"`
	AddWay        int        `json:"add_way" doc:"the platform's number"`
	ChannelCodeID string     `json:"channel_code_id,omitempty"`
	AddedAt       time.Time  `json:"added_at"`
	LostAt        *time.Time `json:"lost_at,omitempty"`
	TagIDs        []string   `json:"tag_ids" nullable:"false"`
}

// ListCustomersInput selects customers.
type ListCustomersInput struct {
	PageQuery
	Name          string    `query:"name" maxLength:"64" doc:"part of the name or of a remark"`
	NamePrefix    string    `query:"name_prefix" maxLength:"64" doc:"how the name begins; quicker"`
	AccountID     string    `query:"account_id" maxLength:"26"`
	StaffID       []string  `query:"staff_id" maxItems:"100" doc:"followed by one of them"`
	DepartmentID  string    `query:"department_id" maxLength:"26" doc:"followed by somebody of it or below it"`
	TagID         []string  `query:"tag_id" maxItems:"100" doc:"bears one of them, whoever gave it"`
	Status        string    `query:"status" enum:"active,half,left,removed" doc:"of the relation"`
	ChannelCodeID string    `query:"channel_code_id" maxLength:"26"`
	AddedFrom     time.Time `query:"added_from"`
	AddedTo       time.Time `query:"added_to"`
}

// ListCustomers lists the customers that the viewer may see, the most recently met first: by the staff in the viewer's scope, or by anybody.
func (h *Handlers) ListCustomers(ctx context.Context, in *ListCustomersInput) (*Page[Customer], error) {
	f, err := h.customerFilter(ctx, in)
	if err != nil {
		return nil, err
	}
	page, err := h.Customers.List(ctx, ViewerOf(ctx), f)
	if err != nil {
		return nil, err
	}
	var items []Customer
	for _, it := range page.Items {
		items = append(items, h.listed(it))
	}
	return newPage(h, listCustomer, items, page.Next)
}

func (h *Handlers) customerFilter(ctx context.Context, in *ListCustomersInput) (customer.Filter, error) {
	r := h.reader()
	f := customer.Filter{
		Name: in.Name, NamePrefix: in.NamePrefix, Status: in.Status, AddedFrom: in.AddedFrom, AddedTo: in.AddedTo,
		Cursor: r.text(listCustomer, in.Cursor), Limit: in.Limit,
		AccountID: r.optional(model.KindAccount, in.AccountID), StaffIDs: r.all(model.KindStaff, in.StaffID),
		TagIDs: r.all(model.KindTag, in.TagID), ChannelCodeID: r.optional(model.KindChannelCode, in.ChannelCodeID),
	}
	r.moments(map[string]time.Time{"query.added_from": in.AddedFrom, "query.added_to": in.AddedTo})
	department := r.optional(model.KindDepartment, in.DepartmentID)
	if r.err != nil || department == 0 {
		return f, r.err
	}
	ids, err := h.Staff.StaffOfDepartment(ctx, department)
	if err != nil {
		return f, err
	}
	if len(f.StaffIDs) > 0 {
		ids = slices.DeleteFunc(ids, func(id int64) bool { return !slices.Contains(f.StaffIDs, id) })
	}
	f.StaffIDs = append(ids, 0) // nobody in the department means no customer, not every customer
	return f, nil
}

func (h *Handlers) listed(it customer.Item) Customer {
	c := h.customer(&it.Customer)
	c.TagIDs = h.publicIDs(model.KindTag, it.TagIDs)
	for _, r := range it.Relations {
		c.Relations = append(c.Relations, Relation{
			ID: h.IDs.Of(model.KindRelation, r.ID), AccountID: h.IDs.Of(model.KindAccount, r.AccountID), StaffID: h.IDs.Of(model.KindStaff, r.StaffID),
			StaffName: r.StaffName, Remark: r.Remark, Status: r.Status, AddWay: r.AddWay, ChannelCodeID: h.IDs.Of(model.KindChannelCode, r.ChannelCodeID),
			AddedAt: r.AddedAt, LostAt: r.LostAt, TagIDs: h.publicIDs(model.KindTag, r.TagIDs),
		})
	}
	return c
}

func (h *Handlers) customer(c *model.Customer) Customer {
	return Customer{
		ID: h.IDs.Of(model.KindCustomer, c.ID), Name: c.Name, Avatar: c.Avatar, Gender: c.Gender, Type: c.Type, CorpName: c.CorpName, City: c.City,
		FirstSource: c.FirstSource, FirstSeenAt: c.FirstSeenAt, Relations: []Relation{}, TagIDs: []string{},
	}
}

// Identity is a way to recognise a customer.
type Identity struct {
	Kind       string     `json:"kind" doc:"external_userid, unionid, openid, phone, member_number, buyer"`
	Scope      string     `json:"scope,omitempty" doc:"corp id, app id or shop within which the value has meaning"`
	Value      string     `json:"value" doc:"a phone number shows only both its ends"`
	Source     string     `json:"source" doc:"who said so"`
	Confidence int        `json:"confidence" doc:"how sure that is, in basis points"`
	SeenAt     *time.Time `json:"seen_at" doc:"when it was last confirmed"`
}

// CustomerDetail is all that is known of a customer but the timeline.
type CustomerDetail struct {
	Customer
	Identities []Identity    `json:"identities" nullable:"false"`
	Trade      Trade         `json:"trade" doc:"what the customer bought in all"`
	Orders     []Order       `json:"orders" nullable:"false" doc:"the last placed ones; all: /orders?customer_id="`
	AsOf       *PastCustomer `json:"as_of,omitempty" doc:"only in a view of the past; everything else is then as of that time too"`
}

func (h *Handlers) presentCustomer(ctx context.Context, id int64) (*One[CustomerDetail], error) {
	d, err := h.Customers.Detail(ctx, ViewerOf(ctx), id)
	if err != nil {
		return nil, err
	}
	var out CustomerDetail
	out.Customer, out.Identities = h.Shown(d)
	if out.Trade, out.Orders, err = h.TradeOf(ctx, d.ID); err != nil {
		return nil, err
	}
	return one(out), nil
}

// Shown is a customer, with relations and identities, as staff see them.
func (h *Handlers) Shown(d *customer.Detail) (Customer, []Identity) {
	out := h.customer(&d.Customer)
	for _, t := range d.Tags {
		out.TagIDs = append(out.TagIDs, h.IDs.Of(model.KindTag, t.TagID))
	}
	for _, r := range d.Relations {
		out.Relations = append(out.Relations, Relation{
			ID: h.IDs.Of(model.KindRelation, r.ID), AccountID: h.IDs.Of(model.KindAccount, r.AccountID), StaffID: h.IDs.Of(model.KindStaff, r.StaffID),
			StaffName: r.StaffName, Remark: r.Remark, Description: r.Description, RemarkError: r.RemarkError, Status: r.Status, AddWay: r.AddWay,
			ChannelCodeID: h.IDs.Of(model.KindChannelCode, r.ChannelCodeID), AddedAt: r.AddedAt, LostAt: r.LostAt, TagIDs: h.publicIDs(model.KindTag, r.TagIDs),
		})
	}
	return out, h.identities(d.Identities)
}

// Event is something that happened to a customer.
type Event struct {
	ID         string         `json:"id"`
	Kind       string         `json:"kind" doc:"customer.added, customer.left, group.joined, …"`
	StaffID    string         `json:"staff_id,omitempty"`
	Source     string         `json:"source" doc:"callback, sync, console, sidebar …"`
	OccurredAt time.Time      `json:"occurred_at"`
	RecordedAt time.Time      `json:"recorded_at"`
	Payload    map[string]any `json:"payload" doc:"what the fact says; ids are public ids"`
}

// TimelineInput selects events of a customer.
type TimelineInput struct {
	IDPath
	PageQuery
	Kind []string  `query:"kind" maxItems:"20" doc:"only these kinds"`
	From time.Time `query:"from" doc:"only from this moment on"`
	To   time.Time `query:"to" doc:"only before this moment"`
}

// CustomerTimeline lists what happened to a customer, newest first.
func (h *Handlers) CustomerTimeline(ctx context.Context, in *TimelineInput) (*Page[Event], error) {
	r := h.reader()
	id, after := r.row(model.KindCustomer, in.ID), r.text(listEvent, in.Cursor)
	r.moments(map[string]time.Time{"query.from": in.From, "query.to": in.To})
	if r.err != nil {
		return nil, r.err
	}
	page, err := h.Customers.Timeline(ctx, ViewerOf(ctx), id, customer.TimelineFilter{Kinds: in.Kind, From: in.From, To: in.To, Cursor: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	var items []Event
	for _, e := range page.Events {
		items = append(items, Event{
			ID: h.IDs.Of(model.KindEvent, e.ID), Kind: e.Kind, StaffID: h.IDs.Of(model.KindStaff, e.StaffID), Source: e.Source,
			OccurredAt: e.OccurredAt, RecordedAt: e.RecordedAt, Payload: h.publicPayload(e.Payload),
		})
	}
	return newPage(h, listEvent, items, page.Next)
}

// payloadKinds says what the ids in a fact's payload name. A field that is called an id and is not
// listed here does not leave the house.
var payloadKinds = map[string]model.Kind{
	"account_id": model.KindAccount, "customer_id": model.KindCustomer, "staff_id": model.KindStaff, "relation_id": model.KindRelation,
	"other_id": model.KindCustomer, "channel_code_id": model.KindChannelCode, "group_id": model.KindGroup, "member_id": model.KindGroupMember,
	"added": model.KindTag, "removed": model.KindTag,
	"order_id": model.KindOrder, "refund_id": model.KindRefund, "product_ids": model.KindProduct,
	"note_id": model.KindNote, "delivery_id": model.KindDelivery,
	"coupon_id": model.KindCoupon, "batch_id": model.KindCouponBatch, "use_id": model.KindCouponUse,
	"referral_id": model.KindReferral, "inviter_id": model.KindCustomer, "invitee_id": model.KindCustomer,
	"segment_id": model.KindSegment, "journey_id": model.KindJourney, "enrolment_id": model.KindEnrolment,
}

func (h *Handlers) publicPayload(raw string) map[string]any { return PublicPayload(h.IDs, raw) }

// PublicPayload is a fact's payload as it may leave the house: public ids in the place of row ids, and
// no id that nobody said how to show. Every other number in a payload is a quantity or one of the
// platform's own.
func PublicPayload(ids model.PublicIDs, raw string) map[string]any {
	out := map[string]any{}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &fields) != nil {
		return out
	}
	for name, value := range fields {
		kind, isID := payloadKinds[name]
		if !isID {
			if !strings.HasSuffix(name, "_id") && !strings.HasSuffix(name, "_ids") {
				out[name] = value
			}
			continue
		}
		var row int64
		var rows []int64
		if json.Unmarshal(value, &row) == nil {
			out[name] = ids.Of(kind, row)
		} else if json.Unmarshal(value, &rows) == nil {
			out[name] = publicIDs(ids, kind, rows)
		}
	}
	return out
}

// NoteInput is what a staff member notes about a customer; absent fields stay.
type NoteInput struct {
	IDPath
	Body struct {
		Remark      *string `json:"remark,omitempty" maxLength:"20" doc:"empty clears it"`
		Description *string `json:"description,omitempty" maxLength:"150" doc:"empty clears it"`
	}
}

// NoteRelation changes remark and description, here at once and at the platform soon.
func (h *Handlers) NoteRelation(ctx context.Context, in *NoteInput) (*None, error) {
	id, err := h.IDs.Row(model.KindRelation, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Body.Remark != nil {
		if err := h.Customers.SetRemark(ctx, ViewerOf(ctx), id, *in.Body.Remark); err != nil {
			return nil, err
		}
	}
	if in.Body.Description != nil {
		return &None{}, h.Customers.SetDescription(ctx, ViewerOf(ctx), id, *in.Body.Description)
	}
	return &None{}, nil
}
