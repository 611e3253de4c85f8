package customer

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Page sizes.
const (
	DefaultPage = 50
	MaxPage     = 200
)

// Filter selects customers. A customer is selected when the person fits and one of the relations
// that the viewer may see fits all conditions about relations.
type Filter struct {
	// Name is part of the person's name or of a remark; NamePrefix is how the person's name begins,
	// which is much quicker among very many customers. At most 64 characters.
	Name, NamePrefix string
	AccountID        int64
	// StaffIDs: followed by one of them. Of a department, give the ids of its staff.
	StaffIDs      []int64
	TagIDs        []int64 // the person bears at least one of them, whoever gave it
	Status        string  // of the relation
	ChannelCodeID int64
	// Phone, in any form, and MemberNumber find by identity; empty: not asked.
	Phone, MemberNumber string
	AddedFrom           time.Time // inclusive
	AddedTo             time.Time // exclusive
	Cursor              string    // of the page before; empty: the first page
	Limit               int       // 0: DefaultPage; at most MaxPage

	identity *claim
}

// Item is one customer of a list.
type Item struct {
	model.Customer
	Relations []ItemRelation // those that the viewer may see, newest first
	TagIDs    []int64        // row ids of the tags that the person bears
}

// ItemRelation is what a list shows of a relation.
type ItemRelation struct {
	ID            int64
	AccountID     int64
	StaffID       int64
	StaffName     string
	Remark        string
	Status        string
	AddWay        int
	ChannelCodeID int64
	AddedAt       time.Time
	LostAt        *time.Time
	TagIDs        []int64 `gorm:"-"` // row ids of the tags it bears
}

// Page is one page of a list. Next is empty on the last.
type Page struct {
	Items []Item
	Next  string
}

// scope is whose customers may be seen.
type scope struct {
	all      bool
	staffIDs []int64
}

func (s *Service) scopeOf(ctx context.Context, v *staff.Viewer) (scope, error) {
	all, ids, err := s.staff.VisibleStaff(ctx, v)
	return scope{all, ids}, err
}

// List gives the customers that the viewer may see, the most recently met first: by the house, or by the staff in the
// viewer's scope when that is not everybody. Its cost doesn't grow
// with the number of pages before. It fails with ErrFilter or ErrCursor.
func (s *Service) List(ctx context.Context, v *staff.Viewer, f Filter) (*Page, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if err := s.identify(&f); err != nil {
		return nil, err
	}
	at, err := readCursor(f.Cursor)
	if err != nil {
		return nil, err
	}
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return nil, err
	}
	db := s.db.WithContext(ctx)
	rows, err := listCustomers(db, sc, f, at, s.now()) // one more than fits
	if err != nil {
		return nil, err
	}
	page := &Page{}
	if len(rows) > f.Limit {
		rows = rows[:f.Limit]
		page.Next = rows[f.Limit-1].place.String()
	}
	byCustomer, err := relationsOf(db, sc, rowIDs(rows))
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(db, rowIDs(rows), s.now())
	if err != nil {
		return nil, err
	}
	page.Items = make([]Item, len(rows))
	for i, r := range rows {
		page.Items[i] = Item{r.Customer, byCustomer[r.ID], tagIDs(tags[r.ID])}
	}
	return page, nil
}

func tagIDs(tags []model.CustomerTag) []int64 {
	ids := make([]int64, len(tags))
	for i, t := range tags {
		ids[i] = t.TagID
	}
	return ids
}

func (f *Filter) check() error {
	if f.Limit == 0 {
		f.Limit = DefaultPage
	}
	for _, text := range []string{f.Name, f.NamePrefix} {
		if utf8.RuneCountInString(text) > 64 || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return ErrFilter.With("name", "1 … 64 characters")
		}
	}
	switch {
	case f.Limit < 0 || f.Limit > MaxPage:
		return ErrFilter.With("limit", "1 … 200")
	case len(f.StaffIDs) > 5000:
		return ErrFilter.With("staff", "at most 5000")
	case len(f.TagIDs) > 200:
		return ErrFilter.With("tag", "at most 200")
	case f.Status != "" && !slices.Contains([]string{StatusActive, StatusHalf, StatusLeft, StatusRemoved}, f.Status):
		return ErrFilter.With("status", "active, half, left or removed")
	}
	return nil
}

// identify makes of a phone or member number what is stored of it.
func (s *Service) identify(f *Filter) error {
	switch {
	case f.Phone != "" && f.MemberNumber != "":
		return ErrFilter.With("phone", "not together with member_number")
	case f.Phone != "":
		c, err := s.claimOf(Seen{Kind: KindPhone, Value: f.Phone})
		f.identity = &c
		return err
	case f.MemberNumber != "":
		if len(f.MemberNumber) > 128 || !utf8.ValidString(f.MemberNumber) || strings.ContainsRune(f.MemberNumber, 0) {
			return ErrFilter.With("member_number", "1 … 128 bytes")
		}
		k, _ := kindOf(KindMemberNumber)
		f.identity = &claim{identityKind: k, values: []string{f.MemberNumber}}
	}
	return nil
}

// cursor is the last row of a page: what comes after it in a list that goes back in time.
type cursor struct {
	at time.Time
	id int64
}

func (c cursor) isZero() bool { return c.id == 0 }

// String is opaque to callers. It says nothing that the page itself didn't.
func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.at.UnixMilli(), 36) + "." + strconv.FormatInt(c.id, 36)))
}

func readCursor(text string) (cursor, error) {
	if text == "" {
		return cursor{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(text) > 64 {
		return cursor{}, ErrCursor
	}
	ms, id, _ := strings.Cut(string(raw), ".")
	at, err1 := strconv.ParseInt(ms, 36, 64)
	row, err2 := strconv.ParseInt(id, 36, 64)
	c := cursor{time.UnixMilli(at).UTC(), row}
	if err1 != nil || err2 != nil || row <= 0 || c.at.Year() < 1970 || c.at.Year() > 9999 || c.String() != text {
		return cursor{}, ErrCursor
	}
	return c, nil
}

func rowIDs(rows []listed) []int64 {
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	return ids
}
