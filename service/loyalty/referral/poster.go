package referral

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"time"

	"zhiyin/service/fault"
	"zhiyin/wecom"
)

// MiniApp is what this package asks of the mini-program platform, for one account.
type MiniApp interface {
	Code(ctx context.Context, c wecom.CodePicture) ([]byte, error)
}

// Poster is an inviter's poster.
type Poster struct {
	PNG  []byte
	Hash string // of all that it was drawn from: another poster has another
}

// posterTime bounds how long a poster may take, with what it has to be fetched from elsewhere.
const posterTime = 15 * time.Second

// Poster draws an inviter's poster: the programme's picture, the code, and the inviter's avatar where it can be had. What was
// drawn lately is remembered. It fails as Code does, and with ErrPoster or ErrWaysFull.
func (s *Service) Poster(ctx context.Context, customerID, id int64) (*Poster, error) {
	code, err := s.Code(ctx, customerID, id, Origin{})
	if err != nil {
		return nil, err
	}
	db := s.DB.WithContext(ctx)
	p, err := programme(db, id)
	if err != nil {
		return nil, err
	}
	wayID := int64(0)
	if p.Adding != nil {
		if wayID, err = s.way(ctx, p, code); err != nil {
			return nil, err
		}
	}
	avatar, err := avatarOf(db, customerID)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "poster 2\x00%d\x00%d\x00%d\x00%s\x00%s\x00%s\x00%s", p.BackgroundID, wayID, p.AccountID, p.Page, p.Link, code.Code, avatar))
	key := hex.EncodeToString(sum[:16])
	if png, ok := s.posters.get(key); ok {
		return &Poster{png, key}, nil
	}
	// Whoever asks for the same meanwhile waits for this one, which goes on when the first has left.
	png, err, _ := s.drawing.Do(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), posterTime)
		defer cancel()
		return s.poster(ctx, p, code.Code, wayID, avatar, key)
	})
	if err != nil {
		return nil, err
	}
	return &Poster{png.([]byte), key}, nil
}

func (s *Service) poster(ctx context.Context, p *Programme, code string, wayID int64, avatar, key string) ([]byte, error) {
	mark, err := s.mark(ctx, p, code, wayID)
	if err != nil {
		return nil, err
	}
	face := s.avatar(ctx, avatar)
	select { // drawing takes a whole core
	case s.pens <- struct{}{}:
		defer func() { <-s.pens }()
	case <-ctx.Done():
		return nil, ErrPoster
	}
	ground, err := s.ground(ctx, p.BackgroundID)
	if err != nil {
		return nil, err
	}
	png, err := paint(ground, mark, face)
	if err != nil {
		return nil, err
	}
	if face != nil || avatar == "" { // an avatar that is missing may be there the next time
		s.posters.put(key, png, len(png))
	}
	return png, nil
}

// mark is what people scan: the inviter's contact way, the mini-program's code, or a QR code of the link where there is none or
// the platform gives none.
func (s *Service) mark(ctx context.Context, p *Programme, code string, wayID int64) (image.Image, error) {
	if wayID != 0 {
		picture, err := s.wayPicture(ctx, wayID)
		if err == nil {
			return picture, nil
		}
		s.Logger.WarnContext(ctx, "no contact way for a poster", "referral", p.ID, "error", err)
		if f := fault.Of(err); f != nil && f.Kind == fault.Conflict {
			return nil, err
		}
		return nil, ErrPoster
	}
	if p.AccountID != 0 {
		picture, err := s.miniAppCode(ctx, p, code)
		if err == nil {
			return picture, nil
		}
		s.Logger.WarnContext(ctx, "no mini-program code for a poster", "referral", p.ID, "error", err)
		if p.Link == "" {
			return nil, ErrPoster
		}
	}
	return qrCode(p.LinkOf(code))
}

func (s *Service) miniAppCode(ctx context.Context, p *Programme, code string) (image.Image, error) {
	a, err := s.Accounts.ByID(ctx, p.AccountID)
	if err != nil {
		return nil, err
	}
	content, err := s.MiniApp(a.Name).Code(ctx, wecom.CodePicture{Scene: SceneOf(code), Page: p.Page, Width: 430})
	if err != nil {
		return nil, err
	}
	picture := decode(content, maxAvatar)
	if picture == nil {
		return nil, fmt.Errorf("the platform's code is no picture of %d bytes", len(content))
	}
	return picture, nil
}

// ground is what a programme's posters are drawn on.
func (s *Service) ground(ctx context.Context, mediaID int64) (*image.RGBA, error) {
	key := fmt.Sprint(mediaID)
	if ground, ok := s.grounds.get(key); ok {
		return ground, nil
	}
	ground := plain()
	if mediaID != 0 {
		_, content, err := s.Media.MediaFile(ctx, mediaID)
		if err != nil {
			return nil, err
		}
		picture := decode(content, maxBackground)
		if picture == nil {
			return nil, ErrPoster
		}
		cover(ground, picture)
	}
	s.grounds.put(key, ground, len(ground.Pix))
	return ground, nil
}
