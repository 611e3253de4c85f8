package outreach

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Pause keeps all deliveries of a source from leaving until Resume, or until a time; what is in a call goes on. Repeatable: the last reason counts.
func (s *Service) Pause(ctx context.Context, source string, sourceID int64, reason string, by int64, until *time.Time) error {
	return s.pauseSubject(ctx, sourceSubject(source, sourceID), reason, by, until)
}

// PauseTx is Pause as part of a larger change.
func (s *Service) PauseTx(tx *gorm.DB, source string, sourceID int64, reason string, by int64, until *time.Time) error {
	return putPause(tx, model.DeliveryPause{Subject: sourceSubject(source, sourceID), Reason: reason, PausedBy: by, Until: until, CreatedAt: s.now()})
}

// Resume ends a pause of a source. Repeatable.
func (s *Service) Resume(ctx context.Context, source string, sourceID int64) error {
	if err := dropPause(s.DB.WithContext(ctx), sourceSubject(source, sourceID)); err != nil {
		return fmt.Errorf("resume deliveries: %w", err)
	}
	poke(s.wake)
	return nil
}

// ResumeTx is Resume as part of a larger change.
func (s *Service) ResumeTx(tx *gorm.DB, source string, sourceID int64) error {
	if err := dropPause(tx, sourceSubject(source, sourceID)); err != nil {
		return fmt.Errorf("resume deliveries: %w", err)
	}
	model.AfterCommit(tx, func() { poke(s.wake) })
	return nil
}

// EndPause ends a pause that [Service.Pauses] listed, whoever paused. It fails with ErrNotFound.
func (s *Service) EndPause(ctx context.Context, id int64) error {
	found, err := dropPauseRow(s.DB.WithContext(ctx), id)
	if err != nil {
		return fmt.Errorf("resume deliveries: %w", err)
	}
	if !found {
		return ErrNotFound
	}
	poke(s.wake)
	return nil
}

// Paused is a pause with what it is of: a source, a channel's account, or one lane of a source.
type Paused struct {
	model.DeliveryPause
	Source    string
	SourceID  int64
	Channel   string
	AccountID int64
	StaffID   int64
	Step      string
}

// Pauses lists what is paused, by whom and why.
func (s *Service) Pauses(ctx context.Context) ([]Paused, error) {
	rows, err := pauses(s.DB.WithContext(ctx), s.now())
	if err != nil {
		return nil, fmt.Errorf("list pauses: %w", err)
	}
	list := make([]Paused, len(rows))
	for i, row := range rows {
		list[i].DeliveryPause = row
		kind, of, _ := strings.Cut(row.Subject, ":")
		at := strings.LastIndexByte(of, ':')
		id, _ := strconv.ParseInt(of[at+1:], 10, 64)
		switch {
		case kind == "source" && at > 0:
			list[i].Source, list[i].SourceID = of[:at], id
		case kind == "channel" && at > 0:
			list[i].Channel, list[i].AccountID = of[:at], id
		case kind == "lane":
			lanes, err := lanesOf(s.DB.WithContext(ctx), []int64{id})
			if err != nil {
				return nil, fmt.Errorf("list pauses: %w", err)
			}
			for _, l := range lanes {
				list[i].Source, list[i].SourceID, list[i].Step = l.Source, l.SourceID, l.Step
				list[i].Channel, list[i].AccountID, list[i].StaffID = l.Channel, l.AccountID, l.StaffID
			}
		}
	}
	return list, nil
}

func (s *Service) pauseSubject(ctx context.Context, subject, reason string, by int64, until *time.Time) error {
	err := putPause(s.DB.WithContext(ctx), model.DeliveryPause{Subject: subject, Reason: reason, PausedBy: by, Until: until, CreatedAt: s.now()})
	if err != nil {
		return fmt.Errorf("pause deliveries: %w", err)
	}
	return nil
}

// dueLanes lists the lanes with due deliveries that are not paused.
func (s *Service) dueLanes(ctx context.Context) ([]model.DeliveryLane, error) {
	db, now := s.DB.WithContext(ctx), s.now()
	ids, err := dueLaneIDs(db, now)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	lanes, err := lanesOf(db, ids)
	if err != nil {
		return nil, err
	}
	paused, err := pauses(db, now)
	if err != nil {
		return nil, err
	}
	stopped := make(map[string]bool, len(paused))
	for _, p := range paused {
		stopped[p.Subject] = true
	}
	kept := lanes[:0]
	for _, l := range lanes {
		if !stopped[laneSubject(l.ID)] && !stopped[channelSubject(l.Channel, l.AccountID)] && !stopped[sourceSubject(l.Source, l.SourceID)] {
			kept = append(kept, l)
		}
	}
	return kept, nil
}
