package acquisition

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	_ "image/jpeg" // so that pictures can be looked into
	_ "image/png"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gabriel-vasile/mimetype"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach/message"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// mediaKinds says what may be uploaded: types by their content, not by their name, and the largest
// size; platform documentation, 素材管理, 上传临时素材.
var mediaKinds = map[string]struct {
	types []string // none: any
	most  int
}{
	AttachImage: {[]string{"image/jpeg", "image/png"}, 10 << 20},
	AttachVideo: {[]string{"video/mp4"}, 10 << 20},
	AttachFile:  {nil, 20 << 20},
}

const (
	minMedia  = 6 // the platform wants more than 5 bytes
	mediaPart = 1 << 20
	// renewBefore is how long before the platform forgets an upload a new one is made.
	renewBefore = 24 * time.Hour
)

// UploadMedia keeps a file for messages and has the platform given it. kind is image, video or file.
// The same content in one account is kept once, under its first name. Fails with ErrMediaType or
// ErrMediaSize.
func (s *Service) UploadMedia(ctx context.Context, accountID int64, name, kind string, content []byte) (*model.Media, error) {
	mime, err := checkMedia(kind, content)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	var row *model.Media
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		row = &model.Media{
			AccountID: accountID, Kind: kind, Name: fileName(name), MIME: cutBytes(mime, 64), Size: int64(len(content)), SHA256: sum[:],
			CreatedAt: s.now(), UpdatedAt: s.now(),
		}
		if row, err = insertMedia(tx, row, content); err != nil {
			return err
		}
		return s.uploadSoonTx(tx, []int64{row.ID})
	})
	return row, err
}

func checkMedia(kind string, content []byte) (mime string, err error) {
	k, ok := mediaKinds[kind]
	if !ok {
		return "", ErrMediaType
	}
	if len(content) < minMedia || len(content) > k.most {
		return "", ErrMediaSize
	}
	found := mimetype.Detect(content)
	if k.types == nil {
		return found.String(), nil
	}
	for _, t := range k.types {
		if !found.Is(t) {
			continue
		}
		if kind == AttachImage {
			if _, _, err := image.DecodeConfig(bytes.NewReader(content)); err != nil {
				return "", ErrMediaType
			}
		}
		return t, nil
	}
	return "", ErrMediaType
}

// fileName keeps the last part of a name, without what is not meant to be seen.
func fileName(name string) string {
	name = filepath.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || strings.ContainsRune(`"<>:|?*`, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	if name = strings.Trim(name, ". /"); name == "" {
		return "file"
	}
	return message.CutChars(name, 100)
}

// usable tells whether the platform has the media for a while yet.
func usable(m model.Media, now time.Time) bool {
	return m.MediaID != "" && m.ExpiresAt != nil && m.ExpiresAt.After(now.Add(time.Minute))
}

func needsUpload(m model.Media, now time.Time) bool {
	return m.MediaID == "" || m.ExpiresAt == nil || m.ExpiresAt.Before(now.Add(renewBefore))
}

// uploadSoonTx has the media uploaded that the platform will not have for another day.
func (s *Service) uploadSoonTx(tx *gorm.DB, ids []int64) error {
	media, err := mediaByIDs(tx, ids)
	if err != nil {
		return err
	}
	now := s.now()
	for _, m := range media {
		if !needsUpload(m, now) {
			continue
		}
		expires := int64(0)
		if m.ExpiresAt != nil {
			expires = m.ExpiresAt.UnixMilli()
		}
		// One work per upload that runs out; once more each hour in case it was given up.
		key := fmt.Sprintf("%s:%d:%d:%d", workUpload, m.ID, expires, now.Unix()/3600)
		item := work.Item{Kind: workUpload, OrderKey: fmt.Sprintf("media:%d", m.ID), DedupeKey: key, Payload: mediaPayload{m.ID}}
		if err := s.queue.Enqueue(tx, item); err != nil {
			return err
		}
	}
	return nil
}

// RenewMedia uploads once more what welcome messages carry and the platform will soon forget. A job;
// may be run at any moment.
func (s *Service) RenewMedia(ctx context.Context) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		ids, err := mediaInUse(tx)
		if err != nil {
			return err
		}
		return s.uploadSoonTx(tx, ids)
	})
}

type mediaPayload struct {
	MediaID int64 `json:"media_id"`
}

// upload gives the platform a file. Repeatable: another upload makes another handle.
func (s *Service) upload(ctx context.Context, _ *work.Lease, in mediaPayload) error {
	db := s.db.WithContext(ctx)
	media, err := mediaByIDs(db, []int64{in.MediaID})
	if err != nil {
		return err
	}
	m, ok := media[in.MediaID]
	if !ok || !needsUpload(m, s.now()) {
		return nil
	}
	account, err := accountByID(db, m.AccountID)
	if err != nil || account == nil || !account.Enabled {
		return err
	}
	content, err := mediaContent(db, m.ID)
	if err != nil {
		return err
	}
	asked := s.now()
	up, err := s.corp(account.Name).UploadMedia(ctx, wecom.MediaKind(m.Kind), m.Name, content)
	if err != nil {
		return outcome(joined(err, noteUpload(db, m.ID, sentence(err))))
	}
	from := asked
	if !up.CreatedAt.IsZero() && up.CreatedAt.Before(asked) {
		from = up.CreatedAt.Time
	}
	return recordUpload(db, m.ID, up.ID, asked, from.Add(wecom.MediaLife))
}

// Media lists an account's files from the newest; kind "" means all. after is the row id of the
// last file of the page before, 0 at first; limit 0 means 50, at most 200.
func (s *Service) Media(ctx context.Context, accountID int64, kind string, after int64, limit int) ([]model.Media, error) {
	return listMedia(s.db.WithContext(ctx), accountID, kind, after, limit)
}

// MediaFile reads a file with its content. Fails with ErrMediaNotFound.
func (s *Service) MediaFile(ctx context.Context, id int64) (*model.Media, []byte, error) {
	db := s.db.WithContext(ctx)
	media, err := mediaByIDs(db, []int64{id})
	if err != nil {
		return nil, nil, err
	}
	m, ok := media[id]
	if !ok {
		return nil, nil, ErrMediaNotFound
	}
	content, err := mediaContent(db, id)
	return &m, content, err
}

// DeleteMedia forgets a file. Fails with ErrMediaNotFound, or ErrMediaInUse while a welcome message
// carries it.
func (s *Service) DeleteMedia(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		used, err := mediaInUse(tx)
		if err != nil {
			return err
		}
		for _, u := range used {
			if u == id {
				return ErrMediaInUse
			}
		}
		return deleteMedia(tx, id)
	})
}

// reupload has media uploaded again that the platform says it does not have.
func (s *Service) reupload(db *gorm.DB, ids []int64) error {
	return model.InTx(db.Statement.Context, db, func(tx *gorm.DB) error {
		if err := expireMedia(tx, ids, s.now()); err != nil {
			return err
		}
		return s.uploadSoonTx(tx, ids)
	})
}

// Handles gives the platform's handles of files, for messages of whatever kind; one that the platform does not have, or not
// for a minute yet, is absent and will be uploaded soon.
func (s *Service) Handles(ctx context.Context, ids []int64) (map[int64]string, error) {
	media, err := mediaByIDs(s.db.WithContext(ctx), ids)
	if err != nil {
		return nil, err
	}
	now, late := s.now(), []int64{}
	handles := make(map[int64]string, len(media))
	for id, m := range media {
		if usable(m, now) {
			handles[id] = m.MediaID
		}
		if needsUpload(m, now) {
			late = append(late, id)
		}
	}
	if len(late) == 0 {
		return handles, nil
	}
	slices.Sort(late)
	return handles, model.InTx(ctx, s.db, func(tx *gorm.DB) error { return s.uploadSoonTx(tx, late) })
}

// Forgotten has files uploaded again that the platform says it does not have.
func (s *Service) Forgotten(ctx context.Context, ids []int64) error {
	return s.reupload(s.db.WithContext(ctx), ids)
}

// KindsTx gives the kind of each file by its row; who is missing does not exist.
func (s *Service) KindsTx(tx *gorm.DB, ids []int64) (map[int64]string, error) {
	media, err := mediaByIDs(tx, ids)
	kinds := make(map[int64]string, len(media))
	for id, m := range media {
		kinds[id] = m.Kind
	}
	return kinds, err
}

// PrepareTx has files uploaded that the platform will not have for another day, ahead of being sent.
func (s *Service) PrepareTx(tx *gorm.DB, ids []int64) error { return s.uploadSoonTx(tx, ids) }
