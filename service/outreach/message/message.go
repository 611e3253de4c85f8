package message

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/privacy"
)

// Media knows the files that messages carry; *acquisition.Service does.
type Media interface {
	// KindsTx gives the kind of each file (image, video, file) by its row; what is missing does not exist.
	KindsTx(tx *gorm.DB, ids []int64) (map[int64]string, error)
	// PrepareTx has files uploaded to their platform ahead of being sent.
	PrepareTx(tx *gorm.DB, ids []int64) error
}

// Wishes knows what customers want; *privacy.Service does.
type Wishes interface {
	WishesTx(tx *gorm.DB, customerIDs []int64) (map[int64]*privacy.Wish, error)
}

// Deps is what a Service needs.
type Deps struct {
	DB     *gorm.DB
	Now    clock.Clock
	Media  Media
	Wishes Wishes
	// Stages gives the titles of lifecycle stages by their names.
	Stages func(ctx context.Context) (map[string]string, error)
}

// Service owns messages. Safe for concurrent use.
type Service struct {
	Deps
	ready ready
}

// New puts the capability together.
func New(d Deps) *Service {
	return &Service{Deps: d, ready: ready{versions: map[int64]*parsed{}}}
}

func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Input is a message as somebody writes it.
type Input struct {
	Name     string // 1 to 64 characters
	Topic    string
	Channels []string // that it is written for
	Content  Content
	StaffID  int64 // who writes it
}

// Written is a message with one of its versions.
type Written struct {
	model.Message
	Version  model.MessageVersion
	Channels []string
	Content  Content
	Findings []Finding
}

// Create makes a message with its first version. It fails with ErrInvalid or ErrVariable.
func (s *Service) Create(ctx context.Context, in Input) (w *Written, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		version, err := s.draft(tx, in)
		if err != nil {
			return err
		}
		row := &model.Message{Name: in.Name, Topic: in.Topic, Version: 1, CreatedBy: in.StaffID, CreatedAt: s.now(), UpdatedAt: s.now()}
		if err := insertMessage(tx, row); err != nil {
			return err
		}
		version.MessageID, version.Version = row.ID, 1
		if err := insertVersion(tx, version); err != nil {
			return err
		}
		w, err = written(row, version)
		return err
	})
	return w, err
}

// Edit changes a message whose newest version is version: what is said becomes the next version, unless it is the same. It fails with
// ErrNotFound, ErrInvalid, ErrVariable, or ErrStale when somebody was quicker.
func (s *Service) Edit(ctx context.Context, id int64, version int, in Input) (w *Written, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		next, err := s.draft(tx, in)
		if err != nil {
			return err
		}
		row, err := lockMessage(tx, id)
		if err != nil {
			return err
		}
		if row.Version != version {
			return ErrStale
		}
		last, err := versionOf(tx, id, row.Version)
		if err != nil {
			return err
		}
		row.Name, row.Topic, row.UpdatedAt = in.Name, in.Topic, s.now()
		if bytes.Equal(last.Hash, next.Hash) && last.Channels == next.Channels {
			next = last
		} else {
			row.Version++
			next.MessageID, next.Version = id, row.Version
			if err := insertVersion(tx, next); err != nil {
				return err
			}
		}
		if err := updateMessage(tx, row); err != nil {
			return err
		}
		w, err = written(row, next)
		return err
	})
	return w, err
}

// draft checks what somebody has written, and makes a version of it.
func (s *Service) draft(tx *gorm.DB, in Input) (*model.MessageVersion, error) {
	p, findings, err := s.examine(tx, in)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(in.Content)
	if err != nil {
		return nil, fmt.Errorf("encode a message: %w", err)
	}
	names := slices.Clone(in.Channels)
	slices.Sort(names)
	list, _ := json.Marshal(slices.Compact(names)) // texts
	found, _ := json.Marshal(findings)             // texts
	hash := sha256.Sum256(body)
	if ids := in.Content.media(); len(ids) > 0 {
		if err := s.Media.PrepareTx(tx, ids); err != nil {
			return nil, err
		}
	}
	return &model.MessageVersion{
		Channels: string(list), Body: string(body), Hash: hash[:], Personal: p.personal(), Findings: string(found), StaffID: in.StaffID, CreatedAt: s.now(),
	}, nil
}

// examine tells everything that is wrong with what somebody has written in one fault, and else what the check finds in it.
func (s *Service) examine(tx *gorm.DB, in Input) (*parsed, []Finding, error) {
	p, err := parse(in.Content)
	if err != nil {
		return nil, nil, err
	}
	var media map[int64]string
	if ids := in.Content.media(); len(ids) > 0 {
		if media, err = s.Media.KindsTx(tx, ids); err != nil {
			return nil, nil, err
		}
	}
	k := &checker{parsed: p}
	k.add(in.Name == "" || utf8.RuneCountInString(in.Name) > 64, "name", "1 to 64 characters")
	k.add(len(in.Topic) > 31, "topic", "at most 31 bytes")
	k.check(in.Channels, media)
	f := ErrInvalid
	for _, w := range k.wrongs {
		f = f.With(w.field, w.reason)
	}
	if len(f.Fields) > 0 {
		return nil, nil, f
	}
	policy, err := policyNow(tx)
	if err != nil {
		return nil, nil, err
	}
	return p, policy.find(&in.Content), nil
}

// Check tells what the check would find in a message, without keeping it. It fails as Create does.
func (s *Service) Check(ctx context.Context, in Input) ([]Finding, error) {
	_, findings, err := s.examine(s.DB.WithContext(ctx), in)
	return findings, err
}

// media lists the files that a content carries.
func (c *Content) media() (ids []int64) {
	for _, a := range c.Attachments {
		if a.MediaID != 0 && !slices.Contains(ids, a.MediaID) {
			ids = append(ids, a.MediaID)
		}
	}
	return ids
}

func written(m *model.Message, v *model.MessageVersion) (*Written, error) {
	w := &Written{Message: *m, Version: *v}
	var err error
	if w.Content, err = Decode(v.Body); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(v.Channels), &w.Channels); err != nil {
		return nil, fmt.Errorf("read the channels of message version %d: %w", v.ID, err)
	}
	if err := json.Unmarshal([]byte(v.Findings), &w.Findings); err != nil {
		return nil, fmt.Errorf("read the findings of message version %d: %w", v.ID, err)
	}
	return w, nil
}

// Get reads a message with a version of it; 0: the newest. It fails with ErrNotFound.
func (s *Service) Get(ctx context.Context, id int64, version int) (*Written, error) {
	tx := s.DB.WithContext(ctx)
	row, err := messageByID(tx, id)
	if err != nil {
		return nil, err
	}
	if version == 0 {
		version = row.Version
	}
	v, err := versionOf(tx, id, version)
	if err != nil {
		return nil, err
	}
	return written(row, v)
}

// Filter selects messages.
type Filter struct {
	Name    string // part of it
	Channel string // that the newest version is written for; empty: any
	After   int64  // row of the last one of the page before; 0: the newest
	Limit   int
}

// List gives messages with their newest versions, the newest message first.
func (s *Service) List(ctx context.Context, f Filter) ([]*Written, error) {
	tx := s.DB.WithContext(ctx)
	rows, err := listMessages(tx, f)
	if err != nil {
		return nil, err
	}
	newest, err := newestVersions(tx, rows)
	if err != nil {
		return nil, err
	}
	out := make([]*Written, len(rows))
	for i := range rows {
		if out[i], err = written(&rows[i], newest[rows[i].ID]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Versions lists what a message has said, the newest first, at most 200. It fails with ErrNotFound.
func (s *Service) Versions(ctx context.Context, id int64) ([]*Written, error) {
	tx := s.DB.WithContext(ctx)
	row, err := messageByID(tx, id)
	if err != nil {
		return nil, err
	}
	list, err := versionsOf(tx, id)
	if err != nil {
		return nil, err
	}
	out := make([]*Written, len(list))
	for i := range list {
		if out[i], err = written(row, &list[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Delete takes a message out of the lists; what is planned with one of its versions still says it. Repeatable. It fails with ErrNotFound.
func (s *Service) Delete(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lockMessage(tx, id)
		if err != nil {
			return err
		}
		now := s.now()
		row.GoneAt, row.UpdatedAt = &now, now
		return updateMessage(tx, row)
	})
}
