package console

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"zhiyin/model"
	"zhiyin/service/event"
)

// EventProperty is something that an event may say.
type EventProperty struct {
	Name     string `json:"name" minLength:"1" maxLength:"64" pattern:"^[a-z][a-z0-9_]*$"`
	Zh       string `json:"zh" minLength:"1" maxLength:"64"`
	En       string `json:"en" minLength:"1" maxLength:"64"`
	Type     string `json:"type" enum:"text,integer,number,boolean,time,money,id" doc:"money is whole fen; id only in events of the house"`
	Required bool   `json:"required,omitempty" doc:"an event without it is kept aside"`
}

// EventKind is a kind of event.
type EventKind struct {
	Name       string          `json:"name"`
	Zh         string          `json:"zh"`
	En         string          `json:"en"`
	Class      string          `json:"class" doc:"of retention: behaviour, relation, trade, record"`
	Tracked    bool            `json:"tracked" doc:"clients may send it"`
	Custom     bool            `json:"custom" doc:"it can be changed"`
	Item       string          `json:"item,omitempty" doc:"the property that is counted separately"`
	Value      string          `json:"value,omitempty" doc:"the property that is added up"`
	Properties []EventProperty `json:"properties" nullable:"false"`
	Version    int64           `json:"version,omitempty"`
}

func eventKind(k *event.Kind) EventKind {
	out := EventKind{k.Name, k.Zh, k.En, string(k.Class), k.Tracked, k.Custom, k.Item, k.Value, []EventProperty{}, k.Version}
	for _, p := range k.Properties {
		out.Properties = append(out.Properties, EventProperty{p.Name, p.Zh, p.En, string(p.Type), p.Required})
	}
	return out
}

// EventDefinition is what a custom kind says.
type EventDefinition struct {
	Zh         string          `json:"zh" minLength:"1" maxLength:"64"`
	En         string          `json:"en" minLength:"1" maxLength:"64"`
	Class      string          `json:"class,omitempty" enum:"behaviour,relation,trade,record" doc:"of retention; behaviour when absent"`
	Item       string          `json:"item,omitempty" maxLength:"64" doc:"the property that is counted separately"`
	Value      string          `json:"value,omitempty" maxLength:"64" doc:"the integer or money property that is added up"`
	Properties []EventProperty `json:"properties" maxItems:"30" nullable:"false"`
}

func (d EventDefinition) kind(name string) event.Kind {
	k := event.Kind{Name: name, Zh: d.Zh, En: d.En, Class: event.Class(d.Class), Item: d.Item, Value: d.Value}
	for _, p := range d.Properties {
		k.Properties = append(k.Properties, event.Property{Name: p.Name, Zh: p.Zh, En: p.En, Type: event.PropertyType(p.Type), Required: p.Required})
	}
	return k
}

// ListEventKinds lists the kinds of events there are.
func (h *Handlers) ListEventKinds(ctx context.Context, _ *struct{}) (*Page[EventKind], error) {
	kinds, err := h.Events.Kinds(ctx)
	if err != nil {
		return nil, err
	}
	var items []EventKind
	for i := range kinds {
		items = append(items, eventKind(&kinds[i]))
	}
	return whole(items), nil
}

// DefineEventKindInput is a new custom kind.
type DefineEventKindInput struct {
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"64" pattern:"^[a-z][a-z0-9_]*$" doc:"what clients call it; it can't be changed"`
		EventDefinition
	}
}

// DefineEventKind makes a custom kind known, and replays what was kept aside under its name.
func (h *Handlers) DefineEventKind(ctx context.Context, in *DefineEventKindInput) (*One[EventKind], error) {
	k, err := h.Events.Define(ctx, in.Body.kind(in.Body.Name))
	if err != nil {
		return nil, err
	}
	return one(eventKind(k)), nil
}

// ChangeEventKindInput replaces the definition of a custom kind.
type ChangeEventKindInput struct {
	Name string `path:"name" maxLength:"64"`
	Body struct {
		Version int64 `json:"version" minimum:"1" doc:"as it was read; another one means that somebody else has changed it"`
		EventDefinition
	}
}

// ChangeEventKind replaces the definition of a custom kind.
func (h *Handlers) ChangeEventKind(ctx context.Context, in *ChangeEventKindInput) (*One[EventKind], error) {
	k := in.Body.kind(in.Name)
	k.Version = in.Body.Version
	changed, err := h.Events.Change(ctx, k)
	if err != nil {
		return nil, err
	}
	return one(eventKind(changed)), nil
}

// EventAside is an event that the registry did not understand.
type EventAside struct {
	ID         string    `json:"id"`
	AccountID  string    `json:"account_id,omitempty"`
	CustomerID string    `json:"customer_id"`
	Source     string    `json:"source"`
	Name       string    `json:"name"`
	Reason     string    `json:"reason" doc:"unknown; missing or type, with the property's name"`
	Properties string    `json:"properties" doc:"JSON as it came"`
	OccurredAt time.Time `json:"occurred_at"`
	ReceivedAt time.Time `json:"received_at"`
}

// ListEventsAsideInput asks for a page of events aside.
type ListEventsAsideInput struct {
	PageQuery
	Name string `query:"name" maxLength:"64" doc:"only of this name"`
}

// ListEventsAside lists events that are kept aside, the newest first.
func (h *Handlers) ListEventsAside(ctx context.Context, in *ListEventsAsideInput) (*Page[EventAside], error) {
	r := h.reader()
	f := event.AsideFilter{Name: in.Name, Before: r.after(listEventAside, in.Cursor), Limit: in.Limit}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Events.ListAside(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []EventAside
	for _, a := range rows {
		items = append(items, EventAside{
			h.IDs.Of(model.KindEventAside, a.ID), h.IDs.Of(model.KindAccount, a.AccountID), h.IDs.Of(model.KindCustomer, a.CustomerID),
			a.Source, a.Name, a.Reason, a.Properties, a.OccurredAt, a.ReceivedAt,
		})
	}
	return newPage(h, listEventAside, items, lastOf(rows, in.Limit, func(a model.EventAside) int64 { return a.ID }))
}

// EventAsideName is a name under which events are aside.
type EventAsideName struct {
	Name    string `json:"name"`
	Waiting int64  `json:"waiting"`
}

// ListEventAsideNames lists the names under which most events are aside.
func (h *Handlers) ListEventAsideNames(ctx context.Context, _ *struct{}) (*Page[EventAsideName], error) {
	names, err := h.Events.AsideNames(ctx)
	if err != nil {
		return nil, err
	}
	var items []EventAsideName
	for _, n := range names {
		items = append(items, EventAsideName(n))
	}
	return whole(items), nil
}

// ReplayEventsAsideInput says what to replay.
type ReplayEventsAsideInput struct {
	Body struct {
		Name string `json:"name,omitempty" maxLength:"64" doc:"only of this name; absent: all"`
	}
}

// ReplayEventsAside has events aside held against the registry again soon.
func (h *Handlers) ReplayEventsAside(ctx context.Context, in *ReplayEventsAsideInput) (*None, error) {
	return &None{}, h.Events.ReplayAside(ctx, in.Body.Name)
}

// EventDay is what happened in one day of business, of one kind.
type EventDay struct {
	Day       string `json:"day"`
	Customers int64  `json:"customers"`
	Times     int64  `json:"times"`
	Value     int64  `json:"value" doc:"sum of what the kind measures"`
}

// EventDaysInput selects days of a kind.
type EventDaysInput struct {
	Kind string `query:"kind" required:"true" maxLength:"64"`
	From string `query:"from" required:"true" pattern:"^\\d{4}-\\d{2}-\\d{2}$" doc:"first business day, 2006-01-02"`
	To   string `query:"to" required:"true" pattern:"^\\d{4}-\\d{2}-\\d{2}$" doc:"last business day; at most 100 days"`
}

// CountEventDays gives what is counted of a kind per day.
func (h *Handlers) CountEventDays(ctx context.Context, in *EventDaysInput) (*Page[EventDay], error) {
	counts, err := h.Events.DayCounts(ctx, in.Kind, dayNumber(in.From), dayNumber(in.To))
	if err != nil {
		return nil, err
	}
	var items []EventDay
	for _, c := range counts {
		items = append(items, EventDay{fmt.Sprintf("%04d-%02d-%02d", c.Day/10_000, c.Day/100%100, c.Day%100), c.Customers, c.Times, c.Value})
	}
	return whole(items), nil
}

// dayNumber makes yyyymmdd of 2006-01-02; the service says whether there is such a day.
func dayNumber(text string) int {
	n, _ := strconv.Atoi(strings.ReplaceAll(text, "-", ""))
	return n
}

// RebuildEventDaysInput is a span of days whose counts are made anew.
type RebuildEventDaysInput struct {
	Body struct {
		From string `json:"from" pattern:"^\\d{4}-\\d{2}-\\d{2}$" doc:"first business day"`
		To   string `json:"to" pattern:"^\\d{4}-\\d{2}-\\d{2}$" doc:"last business day"`
	}
}

// RebuildEventDays has the counts of a span of days made anew from the events soon.
func (h *Handlers) RebuildEventDays(ctx context.Context, in *RebuildEventDaysInput) (*None, error) {
	return &None{}, h.Events.StartRebuild(ctx, dayNumber(in.Body.From), dayNumber(in.Body.To))
}

// EventFeed is how one reader of the log stands.
type EventFeed struct {
	Name    string     `json:"name"`
	Waiting int64      `json:"waiting" doc:"events not handed on yet"`
	Since   *time.Time `json:"since,omitempty" doc:"when the first of them was recorded"`
	Kept    int64      `json:"kept" doc:"events that it has failed at too often"`
	Error   string     `json:"error,omitempty"`
}

// ListEventFeeds tells how every reader of the log stands.
func (h *Handlers) ListEventFeeds(ctx context.Context, _ *struct{}) (*Page[EventFeed], error) {
	feeds, err := h.Events.Feeds(ctx)
	if err != nil {
		return nil, err
	}
	var items []EventFeed
	for _, f := range feeds {
		items = append(items, EventFeed(f))
	}
	return whole(items), nil
}

// EventFeedPath names a feed.
type EventFeedPath struct {
	Name string `path:"name" maxLength:"32"`
}

// ReleaseEventFeed makes the events due again that a feed has failed at.
func (h *Handlers) ReleaseEventFeed(ctx context.Context, in *EventFeedPath) (*None, error) {
	_, err := h.Events.ReleaseFeed(ctx, in.Name)
	return &None{}, err
}
