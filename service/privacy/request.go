package privacy

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// What customers, or the platform in their name, ask for.
const (
	RequestExport       = "export"        // a copy of everything
	RequestErase        = "erase"         // everything erased
	RequestErasePhone   = "erase_phone"   // the phone number alone
	RequestEraseProfile = "erase_profile" // what the profile holds
)

var requestKinds = []string{RequestExport, RequestErase, RequestErasePhone, RequestEraseProfile}

// How a request stands.
const (
	StateRecorded  = "recorded"
	StateRunning   = "running"
	StateDone      = "done"
	StateRefused   = "refused"
	StateCancelled = "cancelled"
)

// RequestInput is a wish about one's data.
type RequestInput struct {
	CustomerID int64
	Kind       string
	Source     string // ByMiniApp, …
	StaffID    int64  // who recorded it; 0: the customer
	Note       string // at most 200 characters
}

// Request records a wish; while one of its kind is open, asking again gives that one. It fails with
// ErrInvalid or ErrNoCustomer.
func (s *Service) Request(ctx context.Context, in RequestInput) (r *model.PrivacyRequest, err error) {
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) (err error) {
		r, err = s.RequestTx(tx, in)
		return err
	})
	return r, err
}

// RequestTx is Request as part of a larger change.
func (s *Service) RequestTx(tx *gorm.DB, in RequestInput) (*model.PrivacyRequest, error) {
	if !slices.Contains(requestKinds, in.Kind) || utf8.RuneCountInString(in.Note) > 200 {
		return nil, ErrInvalid.With("kind", "export, erase")
	}
	if _, err := person(tx, in.CustomerID); err != nil {
		return nil, err
	}
	now, key := s.now(), fmt.Sprintf("%s:%d", in.Kind, in.CustomerID)
	row := &model.PrivacyRequest{
		CustomerID: in.CustomerID, Kind: in.Kind, State: StateRecorded, OpenKey: &key, Source: in.Source, StaffID: in.StaffID,
		Note: in.Note, CreatedAt: now, UpdatedAt: now,
	}
	fresh, err := insertRequest(tx, row)
	if err != nil {
		return nil, err
	}
	if !fresh {
		return openRequest(tx, key)
	}
	_, err = s.events.Record(tx, event.PrivacyRequested{
		CustomerID: in.CustomerID, StaffID: in.StaffID, Kind: in.Kind, RequestID: row.ID, Source: in.Source, At: now,
	})
	return row, err
}

// Cancel takes a wish back that nobody has begun to carry out. Repeatable. It fails with ErrNotFound, also
// for somebody else's, or ErrNotOpen.
func (s *Service) Cancel(ctx context.Context, customerID, id int64) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		row, err := requestOf(tx, customerID, id)
		if err != nil || row.State == StateCancelled {
			return err
		}
		done, err := cancelRequest(tx, id, s.now())
		if err == nil && !done {
			return ErrNotOpen
		}
		return err
	})
}

// RequestsOf lists a customer's wishes, the newest first, at most 100.
func (s *Service) RequestsOf(ctx context.Context, customerID int64) ([]model.PrivacyRequest, error) {
	return requestsOf(s.db.WithContext(ctx), customerID)
}

// RequestFilter selects wishes.
type RequestFilter struct {
	State string // empty: all
	Kind  string
	After int64 // row id of the last one of the page before; 0: the newest
	Limit int
}

// Requests lists wishes of all customers, the newest first.
func (s *Service) Requests(ctx context.Context, f RequestFilter) ([]model.PrivacyRequest, error) {
	return listRequests(s.db.WithContext(ctx), f)
}
