package customer

import (
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// HalfAdded is a customer who added a staff member that has not confirmed yet.
type HalfAdded struct {
	Account        *model.Account
	UserID         string
	ExternalUserID string
	State          string
	Origin         Origin // of State
	At             time.Time
	Source         string
}

// HalfAddedTx records that a customer added a staff member who has not confirmed yet. The relation is
// half until a reading shows it (see Input.Half); an active one stays as it is. isNew tells whether
// the fact was recorded now. Repeatable. Unusable ids fail with ErrNotFound.
func (s *Service) HalfAddedTx(tx *gorm.DB, in HalfAdded) (rel *model.Relation, isNew bool, err error) {
	at := second(in.At)
	row, made, err := s.ensureRelation(tx, in.Account, in.UserID, in.ExternalUserID, in.Source, model.Relation{
		Status: StatusHalf, AddedAt: at, State: cut(in.State, 128), ChannelCodeID: in.Origin.ChannelCodeID,
	})
	if err != nil {
		return nil, false, err
	}
	if !made && row.LostAt != nil && row.Status != StatusHalf {
		if !at.After(*row.LostAt) {
			return row, false, nil // of a stint that has ended since
		}
		row.Status, row.AddedAt, row.State, row.ChannelCodeID = StatusHalf, at, cut(in.State, 128), in.Origin.ChannelCodeID
		if err := updateRelation(tx, row); err != nil {
			return nil, false, err
		}
	}
	n, err := s.events.Record(tx, event.CustomerHalfAdded{
		RelationFact: factOf(row, at, in.Source), State: row.State, ChannelCodeID: row.ChannelCodeID,
	})
	return row, n > 0, err
}

// MarkLostTx records that a relation ended at a time: the customer left (StatusLeft), or the staff
// member removed the customer (StatusRemoved). changed tells whether that ended an active
// relation; one half added was never counted as begun. An ending older than the present stint changes nothing. What is not known yet is
// remembered, so that a reading or an add that arrives late doesn't bring it back: it then comes back
// as Applied.Lost. Repeatable. Unusable ids fail with ErrNotFound.
func (s *Service) MarkLostTx(tx *gorm.DB, acct *model.Account, userid, externalUserID, status string, at time.Time, byTransfer bool, source string) (rel *model.Relation, changed bool, err error) {
	at = second(at)
	row, made, err := s.ensureRelation(tx, acct, userid, externalUserID, source, model.Relation{Status: status, AddedAt: at, LostAt: &at})
	if err != nil {
		return nil, false, err
	}
	if !made && at.Before(row.AddedAt) {
		return row, false, nil
	}
	changed = row.Status == StatusActive
	newer := row.LostAt == nil || row.Status == StatusHalf || at.After(*row.LostAt) || at.Equal(*row.LostAt) && status == StatusRemoved && row.Status == StatusLeft
	if made || newer {
		if status == StatusRemoved { // who read before now may have seen it still
			now := s.now()
			row.ReadAt = &now
		}
		row.Status, row.LostAt = status, &at
		if err := updateRelation(tx, row); err != nil {
			return nil, false, err
		}
	}
	_, err = s.events.Record(tx, ending(row, status, at, byTransfer, source))
	return row, changed, err
}

// ensureRelation locks a relation, or makes it as wanted, with a bare customer if need be.
func (s *Service) ensureRelation(tx *gorm.DB, acct *model.Account, userid, externalUserID, source string, want model.Relation) (row *model.Relation, made bool, err error) {
	userid = strings.ToLower(userid)
	if !usableID(userid) || !usableID(externalUserID) {
		return nil, false, ErrNotFound
	}
	ids, err := s.staffIDs(tx, acct.ID, map[string]bool{userid: true})
	if err != nil {
		return nil, false, err
	}
	row, err = lockRelation(tx, ids[userid], externalUserID)
	if err != ErrNotFound {
		return row, false, err
	}
	want.AccountID, want.StaffID, want.ExternalUserID = acct.ID, ids[userid], externalUserID
	want.RemarkState, want.DescriptionState = RemarkSynced, RemarkSynced
	if want.CustomerID, err = s.ensureCustomer(tx, acct, externalUserID, source, want.AddedAt); err != nil {
		return nil, false, err
	}
	isNew, err := model.InsertNew(tx, []*model.Relation{&want})
	if err != nil {
		return nil, false, err
	}
	if isNew[0] {
		return &want, true, nil
	}
	row, err = lockRelation(tx, ids[userid], externalUserID)
	return row, false, err
}

// ensureCustomer finds a customer by external user id, or makes one of whom nothing else is known.
func (s *Service) ensureCustomer(tx *gorm.DB, acct *model.Account, externalUserID, source string, at time.Time) (int64, error) {
	known, err := identities(tx, KindExternalUserID, acct.PlatformID, []string{externalUserID})
	if err != nil || known[externalUserID] != 0 {
		return known[externalUserID], err
	}
	a := &application{s: s, tx: tx, in: Input{Account: acct, Source: source}}
	bare := &model.Customer{FirstSeenAt: at}
	if err := tx.Create(bare).Error; err != nil {
		return 0, err
	}
	byName := map[string]int64{}
	if err := a.claim([]*model.Identity{a.identity(KindExternalUserID, acct.PlatformID, externalUserID, bare.ID)}, byName); err != nil {
		return 0, err
	}
	return byName[externalUserID], a.dismiss(map[int64]bool{bare.ID: true}, byName)
}

// VanishedTx ends the active relations of a staff member, all of whose customers run runID has read,
// that it did not see although they began before the time given, which is when the run began. What
// was read by anybody since then stays.
func (s *Service) VanishedTx(tx *gorm.DB, acct *model.Account, staffID, runID int64, before time.Time, source string) (lost []*model.Relation, err error) {
	lost, err = lockVanished(tx, acct.ID, staffID, runID, before)
	if err != nil {
		return nil, err
	}
	now := s.now()
	for part := range slices.Chunk(lost, 500) {
		facts, err := end(tx, part, now, now, source)
		if err != nil {
			return nil, err
		}
		if _, err := s.events.Record(tx, facts...); err != nil {
			return nil, err
		}
	}
	return lost, nil
}

// end ends locked relations that the platform no longer shows, and gives the facts to record.
func end(tx *gorm.DB, rows []*model.Relation, at, readAt time.Time, source string) ([]event.Fact, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	ids := make([]int64, len(rows))
	facts := make([]event.Fact, len(rows))
	for i, r := range rows {
		r.Status, r.LostAt, r.ReadAt = StatusRemoved, &at, &readAt
		ids[i], facts[i] = r.ID, ending(r, StatusRemoved, at, false, source)
	}
	return facts, endRelations(tx, ids, StatusRemoved, at, readAt)
}

func ending(r *model.Relation, status string, at time.Time, byTransfer bool, source string) event.Fact {
	if status == StatusLeft {
		return event.CustomerLeft{RelationFact: factOf(r, at, source)}
	}
	return event.CustomerDeletedByStaff{RelationFact: factOf(r, at, source), ByTransfer: byTransfer}
}
