package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/wecom"
)

// customersPerPage is the most that one answer holds.
const customersPerPage = 100

// servingStaff plans one part for each member who may have customers.
func (s *Service) servingStaff(tx *gorm.DB, accountID int64) ([]string, error) {
	rows, err := servingStaff(tx, accountID)
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = strconv.FormatInt(r.ID, 10)
	}
	return keys, err
}

// readCustomersOf reads all customers of one staff member, page by page. Whoever was not seen is
// found lost only with the last page, so that no fault is ever taken for an empty list.
func (s *Service) readCustomersOf(ctx context.Context, p *pass, part *model.SyncPart) error {
	id, err := strconv.ParseInt(part.PartKey, 10, 64)
	if err != nil {
		return fmt.Errorf("part %d names no member", part.ID)
	}
	member, err := staffByID(s.db.WithContext(ctx), id)
	if err != nil {
		return fmt.Errorf("find member %d: %w", id, err)
	}
	for {
		last, err := s.readCustomerPage(ctx, p, part, member)
		if err != nil || last {
			return err
		}
	}
}

func (s *Service) readCustomerPage(ctx context.Context, p *pass, part *model.SyncPart, member *model.Staff) (last bool, err error) {
	readAt := s.now()
	page, err := p.corp.CustomersOf(ctx, []string{member.UserID}, part.Cursor, customersPerPage)
	if errors.Is(err, wecom.ErrBadInput) && part.Cursor != "" {
		// A cursor does not outlive every pause.
		return false, s.beginPartAgain(ctx, p, part)
	}
	if err != nil {
		return false, err
	}
	if slices.Contains(page.Unlicensed, member.UserID) {
		return false, &wecom.Error{API: "externalcontact/batch/get_by_user", Account: p.acct.Name, Class: wecom.ClassPermission, Message: "the member has no licence for this"}
	}
	if part.Cursor == "" && len(page.Customers) == 0 {
		if err := p.trulyNone(ctx, member.UserID); err != nil {
			return false, err
		}
	}
	last = page.Next == ""
	in := customer.Input{Account: p.acct, Source: event.SourceSync, RunID: p.run.ID, ReadAt: readAt, Contacts: make([]customer.Contact, len(page.Customers))}
	for i, c := range page.Customers {
		in.Contacts[i] = customer.Contact{Person: c.Contact, Follow: c.Relation}
	}
	_, err = s.absorb(ctx, in, func(tx *gorm.DB, applied *customer.Applied) error {
		counts := applied.Counts
		if last {
			lost, err := s.customers.VanishedTx(tx, p.acct, member.ID, p.run.ID, *part.StartedAt, event.SourceSync)
			if err != nil {
				return fmt.Errorf("find who vanished: %w", err)
			}
			if err := s.lost(tx, lost); err != nil {
				return err
			}
			counts.Vanished += int64(len(lost))
		}
		return s.checkpoint(tx, p, part, progress{next: page.Next, over: last, counts: counts})
	})
	if err != nil {
		return false, err
	}
	part.Cursor = page.Next
	return last, nil
}

// trulyNone asks a second way whether a member has no customers: an answer without any may be one that
// lost its content, and believing it would end every relation of the member.
func (p *pass) trulyNone(ctx context.Context, userID string) error {
	ids, err := p.corp.CustomerIDs(ctx, userID)
	if err != nil || len(ids) == 0 {
		return err
	}
	return &wecom.Error{API: "externalcontact/batch/get_by_user", Account: p.acct.Name, Class: wecom.ClassUnknown, Message: "the answer is empty though the member has customers"}
}

// beginPartAgain puts a part back to its first page, because its cursor is refused. It fails in any
// case, so that this happens only as often as anything may that goes wrong with a part.
func (s *Service) beginPartAgain(ctx context.Context, p *pass, part *model.SyncPart) error {
	err := s.inTx(ctx, func(tx *gorm.DB) error { return s.checkpoint(tx, p, part, progress{}) })
	if err != nil {
		return err
	}
	part.Cursor = ""
	return &wecom.Error{Account: p.acct.Name, Class: wecom.ClassUnknown, Message: "the cursor is no longer valid; reading from the first page"}
}
