package privacy

import (
	"context"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/keyring"
	"zhiyin/service/vault"
)

// Decision is a customer's yes or no to a purpose.
type Decision struct {
	CustomerID int64
	Purpose    string
	Given      bool
	// Version of the notice that the customer has read; only a yes needs it.
	Version  int
	Channel  string // ByMiniApp, …
	Proof    string // by which it can be found again; at most 255 characters
	Guardian string // who consents for a child under 14: name and telephone, kept sealed
	StaffID  int64  // who recorded it; 0: the customer
}

// Decide adds an entry to the ledger. Saying again what holds already adds nothing. A no is always
// taken. It fails with ErrPurpose, ErrInvalid, ErrNoCustomer and, for a yes, with ErrNoNotice,
// ErrNewNotice or ErrGuardian.
func (s *Service) Decide(ctx context.Context, d Decision) error {
	return again(func() error {
		return model.InTx(ctx, s.db, func(tx *gorm.DB) error { return s.DecideTx(tx, d) })
	})
}

// DecideTx is Decide as part of a larger change.
func (s *Service) DecideTx(tx *gorm.DB, d Decision) error {
	if err := d.check(); err != nil {
		return err
	}
	who, err := person(tx, d.CustomerID)
	if err != nil {
		return err
	}
	notices, err := noticesAt(tx, s.now())
	if err != nil {
		return err
	}
	notice := notices[d.Purpose]
	if err := d.informed(who, notice); err != nil {
		return err
	}
	// The number comes before what was said last: whoever writes between the two takes this number, and the
	// unique key sends us back to read again.
	n, err := nextConsent(tx, d.CustomerID, d.Purpose)
	if err != nil {
		return err
	}
	last, err := lastConsents(tx, []int64{d.CustomerID}, time.Time{})
	if err != nil {
		return err
	}
	before := last[d.CustomerID][d.Purpose]
	if before != nil && d.repeats(before) {
		return nil
	}
	row := s.entry(d, n, notice, before)
	if err := insertConsent(tx, row); err != nil {
		return err
	}
	_, err = s.events.Record(tx, event.ConsentChanged{
		CustomerID: d.CustomerID, StaffID: d.StaffID, Purpose: d.Purpose, Given: d.Given, Version: row.NoticeVersion,
		EntryID: row.ID, Source: d.Channel, At: row.CreatedAt,
	})
	return err
}

func (d Decision) check() error {
	if _, ok := purposeOf(d.Purpose); !ok {
		return ErrPurpose
	}
	if !slices.Contains(channels, d.Channel) {
		return ErrInvalid.With("channel", "miniapp, console, import, platform")
	}
	if utf8.RuneCountInString(d.Proof) > 255 || utf8.RuneCountInString(d.Guardian) > 100 {
		return ErrInvalid.With("proof", "过长 / too long")
	}
	return nil
}

// informed holds that a yes is one to what the customer is told now, and a child's not their own.
func (d Decision) informed(who *model.Customer, notice *model.Notice) error {
	switch {
	case !d.Given:
		return nil
	case notice == nil:
		return ErrNoNotice
	case d.Version != notice.Version:
		return ErrNewNotice.With("version", strconv.Itoa(notice.Version))
	case who.Minor && d.Guardian == "":
		return ErrGuardian
	}
	return nil
}

func (d Decision) repeats(last *model.Consent) bool {
	return last.Given == d.Given && (!d.Given || last.NoticeVersion == d.Version && (len(last.SealedGuardian) > 0 || d.Guardian == ""))
}

func (s *Service) entry(d Decision, ordinal int, notice *model.Notice, before *model.Consent) *model.Consent {
	row := &model.Consent{
		CustomerID: d.CustomerID, Purpose: d.Purpose, Ordinal: ordinal, Given: d.Given, Channel: d.Channel, Proof: d.Proof,
		StaffID: d.StaffID, CreatedAt: s.now(),
	}
	if notice != nil {
		row.NoticeVersion, row.NoticeDigest = notice.Version, notice.Digest
	}
	if before != nil {
		row.CreatedAt = s.later(before.CreatedAt)
	}
	if d.Given {
		row.SealedGuardian = s.vault.Seal(d.Guardian, guardianPlace(row))
	}
	return row
}

// Seals lists where this capability keeps what is sealed, for the rotation of keys.
func Seals() []keyring.Place {
	return []keyring.Place{keyring.Column{Table: "consent", Column: "sealed_guardian", Row: []string{"customer_id", "purpose", "ordinal"}}}
}

func guardianPlace(c *model.Consent) vault.Place {
	row := strconv.FormatInt(c.CustomerID, 10) + "/" + c.Purpose + "/" + strconv.Itoa(c.Ordinal)
	return vault.Place{Table: "consent", Column: "sealed_guardian", Row: row}
}

// Standing is how a customer stands to a purpose.
type Standing struct {
	Purpose Purpose
	Allowed bool // all in all
	// Given is what they said last; nil: nothing.
	Given *bool
	Since time.Time // of what they said
	// Told is the notice that was in effect; nil: none. Version is the one they said it about.
	Told    *model.Notice
	Version int
	// Ask: they should be asked (again), because they said nothing yet or their yes was to an older text.
	Ask bool
}

// State tells how a customer stood to every purpose at a time; zero means now. Whether they are a
// child is taken as it is known today. It fails with ErrNoCustomer.
func (s *Service) State(ctx context.Context, customerID int64, at time.Time) ([]Standing, error) {
	db := s.db.WithContext(ctx)
	who, err := person(db, customerID)
	if err != nil {
		return nil, err
	}
	asOf := at
	if asOf.IsZero() {
		asOf = s.now()
	}
	notices, err := noticesAt(db, asOf)
	if err != nil {
		return nil, err
	}
	last, err := lastConsents(db, []int64{customerID}, at)
	if err != nil {
		return nil, err
	}
	var out []Standing
	for _, p := range purposes {
		out = append(out, stand(p, who.Minor, notices[p.Name], last[customerID][p.Name]))
	}
	return out, nil
}

func stand(p Purpose, minor bool, told *model.Notice, last *model.Consent) Standing {
	st := Standing{Purpose: p, Told: told, Allowed: refusal(p, minor, told, last) == ""}
	if last != nil {
		given := last.Given
		st.Given, st.Since, st.Version = &given, last.CreatedAt, last.NoticeVersion
	}
	st.Ask = told != nil && (last == nil || last.Given && last.NoticeVersion < told.Version)
	return st
}

// refusal says why a purpose is not allowed; empty when it is. It is the one place that decides.
func refusal(p Purpose, minor bool, told *model.Notice, last *model.Consent) string {
	mustSayYes := p.Collects || told != nil && told.Explicit
	switch {
	case last != nil && !last.Given:
		return Refused
	case minor && (last == nil || len(last.SealedGuardian) == 0):
		return Minor
	case last == nil && mustSayYes:
		return NotAsked
	case last != nil && mustSayYes && told != nil && last.NoticeVersion < told.Version:
		return NotAsked // their yes was to another text
	}
	return ""
}

// Ledger lists everything a customer has said, the newest first.
func (s *Service) Ledger(ctx context.Context, customerID int64) ([]model.Consent, error) {
	return ledgerOf(s.db.WithContext(ctx), customerID)
}

// again repeats what met another writer at a unique key: the next try sees their entry.
func again(f func() error) (err error) {
	for range 5 {
		if err = f(); !model.IsDuplicate(err) {
			return err
		}
	}
	return err
}
