package console

import (
	"context"
	"encoding/hex"
	"time"

	"zhiyin/model"
	"zhiyin/service/privacy"
)

// Purpose is what customers' data is used for.
type Purpose struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Collects bool   `json:"collects" doc:"nothing is collected without a yes"`
}

// Notices are what customers are told, and about what.
type Notices struct {
	Purposes []Purpose `json:"purposes" nullable:"false"`
	Notices  []Notice  `json:"notices" nullable:"false" doc:"every version of every purpose, the newest first within a purpose"`
}

// Notice is one version of what customers are told about a purpose.
type Notice struct {
	ID          string    `json:"id"`
	Purpose     string    `json:"purpose"`
	Version     int       `json:"version"`
	Title       string    `json:"title"`
	Body        string    `json:"body"`
	Digest      string    `json:"digest" doc:"SHA-256 of what was told; entries of the ledger hold the same"`
	Explicit    bool      `json:"explicit" doc:"silence does not mean yes"`
	StaffID     string    `json:"staff_id,omitempty" doc:"who published it"`
	EffectiveAt time.Time `json:"effective_at"`
	CreatedAt   time.Time `json:"created_at"`
}

func (h *Handlers) notice(n *model.Notice) Notice {
	return Notice{
		h.IDs.Of(model.KindNotice, n.ID), n.Purpose, n.Version, n.Title, n.Body, hex.EncodeToString(n.Digest), n.Explicit, h.IDs.Of(model.KindStaff, n.StaffID), n.EffectiveAt, n.CreatedAt,
	}
}

// ListNotices lists the purposes and every version of their notices.
func (h *Handlers) ListNotices(ctx context.Context, _ *struct{}) (*One[Notices], error) {
	rows, err := h.Privacy.Notices(ctx)
	if err != nil {
		return nil, err
	}
	out := Notices{Purposes: []Purpose{}, Notices: []Notice{}}
	for _, p := range privacy.Purposes() {
		out.Purposes = append(out.Purposes, Purpose{p.Name, p.Zh + " · " + p.En, p.Collects})
	}
	for i := range rows {
		out.Notices = append(out.Notices, h.notice(&rows[i]))
	}
	return one(out), nil
}

// PublishNoticeInput is the next version of a notice.
type PublishNoticeInput struct {
	Body struct {
		Purpose     string     `json:"purpose" maxLength:"32"`
		Version     int        `json:"version" minimum:"1" maximum:"1000000" doc:"one more than the newest"`
		Title       string     `json:"title" minLength:"1" maxLength:"100"`
		Body        string     `json:"body" minLength:"1" maxLength:"20000"`
		Explicit    bool       `json:"explicit,omitempty" doc:"silence does not mean yes; always so for purposes that collect"`
		EffectiveAt *time.Time `json:"effective_at,omitempty" doc:"absent: at once"`
	}
}

// PublishNotice adds a version of a purpose's notice; customers are asked again for this purpose alone.
func (h *Handlers) PublishNotice(ctx context.Context, in *PublishNoticeInput) (*One[Notice], error) {
	b := in.Body
	n := privacy.NoticeInput{Purpose: b.Purpose, Version: b.Version, Title: b.Title, Body: b.Body, Explicit: b.Explicit, StaffID: ViewerOf(ctx).StaffID}
	if b.EffectiveAt != nil {
		n.EffectiveAt = *b.EffectiveAt
	}
	row, err := h.Privacy.Publish(ctx, n)
	if err != nil {
		return nil, err
	}
	return one(h.notice(row)), nil
}

// ListConsentsInput asks how a customer stood to every purpose.
type ListConsentsInput struct {
	IDPath
	At time.Time `query:"at" doc:"at that time; absent: now"`
}

// Consents is how a customer stands to every purpose, and all they have said.
type Consents struct {
	Standing []Standing `json:"standing" nullable:"false"`
	Ledger   []Entry    `json:"ledger" nullable:"false" doc:"newest first; entries are never changed"`
}

// Standing is how a customer stood to a purpose.
type Standing struct {
	Purpose string     `json:"purpose"`
	Allowed bool       `json:"allowed"`
	Given   *bool      `json:"given,omitempty" doc:"what they had said last; absent: nothing"`
	Since   *time.Time `json:"since,omitempty"`
	Version int        `json:"version,omitempty" doc:"of the notice that they said it about"`
	Told    int        `json:"told,omitempty" doc:"version of the notice in effect"`
	Ask     bool       `json:"ask" doc:"they should be asked (again)"`
}

// Entry is one entry of the ledger of consents.
type Entry struct {
	Purpose  string    `json:"purpose"`
	Given    bool      `json:"given"`
	Version  int       `json:"version,omitempty"`
	Digest   string    `json:"digest,omitempty"`
	Channel  string    `json:"channel"`
	Proof    string    `json:"proof,omitempty"`
	Guardian bool      `json:"guardian" doc:"a guardian has consented for a child"`
	StaffID  string    `json:"staff_id,omitempty" doc:"who recorded it; absent: the customer"`
	At       time.Time `json:"at"`
}

// ListConsents tells how a customer stood to every purpose at a time, with all they have ever said.
func (h *Handlers) ListConsents(ctx context.Context, in *ListConsentsInput) (*One[Consents], error) {
	r := h.reader()
	if r.moments(map[string]time.Time{"query.at": in.At}); r.err != nil {
		return nil, r.err
	}
	id, err := h.seen(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := Consents{Standing: []Standing{}, Ledger: []Entry{}}
	state, err := h.Privacy.State(ctx, id, in.At.UTC())
	if err != nil {
		return nil, err
	}
	for _, st := range state {
		s := Standing{Purpose: st.Purpose.Name, Allowed: st.Allowed, Given: st.Given, Version: st.Version, Ask: st.Ask}
		if st.Given != nil {
			s.Since = &st.Since
		}
		if st.Told != nil {
			s.Told = st.Told.Version
		}
		out.Standing = append(out.Standing, s)
	}
	ledger, err := h.Privacy.Ledger(ctx, id)
	for _, e := range ledger {
		out.Ledger = append(out.Ledger, Entry{
			e.Purpose, e.Given, e.NoticeVersion, hex.EncodeToString(e.NoticeDigest), e.Channel, e.Proof, len(e.SealedGuardian) > 0, h.IDs.Of(model.KindStaff, e.StaffID), e.CreatedAt,
		})
	}
	return one(out), err
}

// RecordConsentInput is what a customer has told a staff member, or signed.
type RecordConsentInput struct {
	IDPath
	Body struct {
		Purpose  string `json:"purpose" maxLength:"32"`
		Given    bool   `json:"given"`
		Version  int    `json:"version,omitempty" minimum:"0" maximum:"1000000" doc:"with a yes: of the notice that they have read"`
		Proof    string `json:"proof,omitempty" maxLength:"200" doc:"by which it can be found again: the number of a form, a call"`
		Guardian string `json:"guardian,omitempty" maxLength:"100" doc:"for a child under 14: name and telephone, kept encrypted" writeOnly:"true"`
	}
}

// RecordConsent writes down a customer's yes or no that did not come through the mini-program.
func (h *Handlers) RecordConsent(ctx context.Context, in *RecordConsentInput) (*None, error) {
	id, err := h.seen(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	return &None{}, h.Privacy.Decide(ctx, privacy.Decision{
		CustomerID: id, Purpose: b.Purpose, Given: b.Given, Version: b.Version, Channel: privacy.ByConsole, Proof: b.Proof, Guardian: b.Guardian, StaffID: ViewerOf(ctx).StaffID,
	})
}

// ListPrivacyRequestsInput selects wishes about data.
type ListPrivacyRequestsInput struct {
	PageQuery
	State string `query:"state" enum:"recorded,running,done,refused,cancelled"`
	Kind  string `query:"kind" enum:"export,erase,erase_phone,erase_profile"`
}

// PrivacyRequest is a customer's wish about their data.
type PrivacyRequest struct {
	ID         string     `json:"id"`
	CustomerID string     `json:"customer_id"`
	Kind       string     `json:"kind"`
	State      string     `json:"state"`
	Source     string     `json:"source" doc:"miniapp, console, platform"`
	StaffID    string     `json:"staff_id,omitempty" doc:"who recorded it; absent: the customer"`
	Note       string     `json:"note,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

func (h *Handlers) privacyRequest(r *model.PrivacyRequest) PrivacyRequest {
	return PrivacyRequest{
		h.IDs.Of(model.KindPrivacyRequest, r.ID), h.IDs.Of(model.KindCustomer, r.CustomerID), r.Kind, r.State, r.Source, h.IDs.Of(model.KindStaff, r.StaffID), r.Note, r.CreatedAt, r.FinishedAt,
	}
}

// ListPrivacyRequests lists customers' wishes about their data, newest first.
func (h *Handlers) ListPrivacyRequests(ctx context.Context, in *ListPrivacyRequestsInput) (*Page[PrivacyRequest], error) {
	after, err := unseal[int64](h.Cursors, listPrivacyRequest, in.Cursor)
	if err != nil {
		return nil, err
	}
	rows, err := h.Privacy.Requests(ctx, privacy.RequestFilter{State: in.State, Kind: in.Kind, After: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	var items []PrivacyRequest
	for i := range rows {
		items = append(items, h.privacyRequest(&rows[i]))
	}
	return newPage(h, listPrivacyRequest, items, lastOf(rows, in.Limit, func(r model.PrivacyRequest) int64 { return r.ID }))
}

// RecordPrivacyRequestInput is a wish that a customer has told a staff member.
type RecordPrivacyRequestInput struct {
	IDPath
	Body struct {
		Kind string `json:"kind" enum:"export,erase,erase_phone,erase_profile"`
		Note string `json:"note,omitempty" maxLength:"200" doc:"how they asked"`
	}
}

// RecordPrivacyRequest writes down a wish about data that did not come through the mini-program.
func (h *Handlers) RecordPrivacyRequest(ctx context.Context, in *RecordPrivacyRequestInput) (*One[PrivacyRequest], error) {
	id, err := h.seen(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	r, err := h.Privacy.Request(ctx, privacy.RequestInput{
		CustomerID: id, Kind: in.Body.Kind, Source: privacy.ByConsole, StaffID: ViewerOf(ctx).StaffID, Note: in.Body.Note,
	})
	if err != nil {
		return nil, err
	}
	return one(h.privacyRequest(r)), nil
}
