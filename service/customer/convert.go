package customer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// How a conversion stands.
const (
	convertWaiting = "waiting" // the platform is to be asked
	convertPending = "pending" // nobody's customer yet; the platform gave a pending id
	convertFound   = "found"
	convertRefused = "refused" // the mini-program does not belong to the corp
)

// pendingLife is how long the platform knows a pending id.
const pendingLife = 90 * 24 * time.Hour

const workConvert = "customer.convert"

// convertPolicy goes on for days: the platform's budget may be used up for hours.
var convertPolicy = work.Policy{MaxAttempts: 100}

type convertWork struct {
	ConversionID int64 `json:"conversion_id"`
}

// askForContacts queues the question which external contact a WeChat user is, for every corp that does not
// know yet, when somebody became known by unionid or openid.
func (s *Service) askForContacts(tx *gorm.DB, customerID int64, given []*model.Identity) error {
	if !slices.ContainsFunc(given, func(i *model.Identity) bool { return i.Kind == KindUnionID || i.Kind == KindOpenID }) {
		return nil
	}
	known, err := identitiesOf(tx, customerID)
	if err != nil {
		return err
	}
	union, open := latest(known, KindUnionID), latest(known, KindOpenID)
	if union == nil || open == nil {
		return nil
	}
	corps, err := corps(tx)
	if err != nil {
		return err
	}
	now := s.now()
	var rows []*model.IDConversion
	for _, c := range corps {
		if slices.ContainsFunc(known, func(i model.Identity) bool { return i.Kind == KindExternalUserID && i.Scope == c.PlatformID }) {
			continue
		}
		rows = append(rows, &model.IDConversion{
			AccountID: c.ID, CustomerID: customerID, UnionID: union.Value, OpenID: open.Value, AppID: open.Scope,
			Status: convertWaiting, CreatedAt: now, UpdatedAt: now,
		})
	}
	isNew, err := model.InsertNew(tx, rows)
	if err != nil {
		return fmt.Errorf("queue conversions: %w", err)
	}
	var items []work.Item
	for i, row := range rows {
		if isNew[i] {
			items = append(items, convertItem(row.ID))
		}
	}
	return s.queue.Enqueue(tx, items...)
}

func convertItem(id int64) work.Item {
	return work.Item{Kind: workConvert, Payload: convertWork{id}, OrderKey: workConvert + ":" + number(id), Lane: work.LaneBulk}
}

// latest is the identity of a kind that was last seen; nil when there is none.
func latest(list []model.Identity, kind string) (found *model.Identity) {
	for i := range list {
		if list[i].Kind == kind && (found == nil || seenAt(&list[i]).After(seenAt(found))) {
			found = &list[i]
		}
	}
	return found
}

// convert asks the platform about one row. The row says whether there is anything left to ask.
func (s *Service) convert(ctx context.Context, _ *work.Lease, p convertWork) error {
	db := s.db.WithContext(ctx)
	row, account, err := conversion(db, p.ConversionID)
	if errors.Is(err, ErrNotFound) || err == nil && row.Status != convertWaiting {
		return nil
	}
	if err != nil {
		return err
	}
	if !account.Enabled {
		return work.Cancel("the account is disabled")
	}
	got, err := s.corp(account.Name).ConvertUnionID(ctx, row.UnionID, row.OpenID)
	now := s.now()
	switch {
	case errors.Is(err, wecom.ErrNotConvertible), errors.Is(err, wecom.ErrNoPermission), errors.Is(err, wecom.ErrBadInput):
		return s.settleConversion(ctx, row, map[string]any{"status": convertRefused, "errcode": wecom.CodeOf(err), "asked_at": now, "updated_at": now})
	case err != nil:
		return err
	case got.ExternalUserID == "":
		return s.settleConversion(ctx, row, map[string]any{
			"status": convertPending, "pending_id": got.PendingID, "pending_until": now.Add(pendingLife), "asked_at": now, "updated_at": now,
		})
	}
	return s.foundContact(ctx, row, account, got.ExternalUserID)
}

func (s *Service) settleConversion(ctx context.Context, row *model.IDConversion, set map[string]any) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error { return updateConversion(tx, row, set) })
}

// foundContact remembers that the customer of a conversion is an external contact, and if that one was
// another customer, that they are one.
func (s *Service) foundContact(ctx context.Context, row *model.IDConversion, account *model.Account, externalUserID string) error {
	now := s.now()
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		_, err := s.ResolveTx(tx, Evidence{
			CustomerID: row.CustomerID, AccountID: account.ID, Source: event.SourceConversion,
			Identities: []Seen{{Kind: KindExternalUserID, Scope: account.PlatformID, Value: externalUserID}},
		})
		if err != nil {
			return err
		}
		return updateConversion(tx, row, map[string]any{"status": convertFound, "external_userid": externalUserID, "asked_at": now, "updated_at": now})
	})
}

// OnAdded hears of relations that began: the customer may be somebody of whom a pending id is all that is
// known. It may hear twice.
func (s *Service) OnAdded(ctx context.Context, f event.Recorded) error {
	db := s.db.WithContext(ctx)
	some, err := hasPending(db, f.AccountID, s.now())
	if err != nil || !some {
		return err
	}
	known, err := identitiesOf(db, f.CustomerID)
	if err != nil {
		return err
	}
	var account model.Account
	if err := db.Take(&account, f.AccountID).Error; err != nil {
		return fmt.Errorf("find account: %w", err)
	}
	contact := slices.IndexFunc(known, func(i model.Identity) bool { return i.Kind == KindExternalUserID && i.Scope == account.PlatformID })
	if contact < 0 || latest(known, KindUnionID) != nil {
		return nil // recognised by the unionid already
	}
	ext := known[contact].Value
	ids, err := s.corp(account.Name).PendingIDs(ctx, []string{ext})
	if errors.Is(err, wecom.ErrNoPermission) || errors.Is(err, wecom.ErrNotConvertible) {
		return nil
	}
	if err != nil || ids[ext] == "" {
		return err
	}
	row, err := pendingConversion(db, account.ID, ids[ext])
	if err != nil || row == nil {
		return err
	}
	return s.foundContact(ctx, row, &account, ext)
}

// RenewConversions asks anew where a pending id has run out, and closes what became known by other means.
// It may be run at any time.
func (s *Service) RenewConversions(ctx context.Context) error {
	for {
		var n int
		err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
			rows, err := endedConversions(tx, s.now())
			if err != nil {
				return err
			}
			n = len(rows)
			return s.renew(tx, rows)
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

func (s *Service) renew(tx *gorm.DB, rows []model.IDConversion) error {
	now := s.now()
	var items []work.Item
	for i := range rows {
		ext, err := contactOf(tx, &rows[i])
		if err != nil {
			return err
		}
		set := map[string]any{"status": convertFound, "external_userid": ext, "updated_at": now}
		if ext == "" {
			set = map[string]any{"status": convertWaiting, "pending_id": "", "pending_until": nil, "updated_at": now}
			items = append(items, convertItem(rows[i].ID))
		}
		if err := updateConversion(tx, &rows[i], set); err != nil {
			return err
		}
	}
	return s.queue.Enqueue(tx, items...)
}

// OnSamePerson hears that the platform knows two customers as one person. It may hear twice.
func (s *Service) OnSamePerson(ctx context.Context, f event.Recorded) error {
	var found event.SamePersonFound
	if err := decodeFact(f, &found); err != nil {
		return err
	}
	kind, _ := kindOf(KindUnionID)
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		_, err := s.decide(tx, link{
			kind: kind, source: found.Source, confidence: Certain, known: f.OccurredAt, at: f.OccurredAt,
		}, found.CustomerID, found.OtherID, f.AccountID)
		if errors.Is(err, ErrNotFound) {
			return nil // somebody was erased since
		}
		return err
	})
}
