package staff

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Where a session signed in. It is good there alone.
const (
	FaceConsole = "console"
	FaceSidebar = "sidebar"
)

// SignInInput is somebody at the door.
type SignInInput struct {
	Login     string // in any case
	Password  string
	IP        string // of the client, as far as proxies are trusted
	UserAgent string
}

// SignIn gives a new session, whose token is stored nowhere. Whoever can't sign in, for whatever
// reason, is told ErrWrongLogin after the same work; too many faults of one login from one network,
// or of one network, are answered ErrTooMany for a quarter of an hour, and many faults of one login
// from anywhere only slow it down. It fails with ErrBusy when too many sign in at once.
func (s *Service) SignIn(ctx context.Context, in SignInInput) (token string, v *Viewer, err error) {
	login := normal(in.Login)
	b := bucketsOf(login, in.IP)
	row, err := s.judge(ctx, b, login, in.Password)
	if err != nil {
		return "", nil, err
	}
	if row == nil {
		return "", nil, ErrWrongLogin
	}
	return s.open(ctx, row, in, b)
}

// judge gives the login's row when the password is right, else nil, within the limits. The attempt
// is counted as failed; an attempt that fails for another reason than its password is not.
func (s *Service) judge(ctx context.Context, b buckets, login, password string) (*model.StaffLogin, error) {
	wait, err := s.admit(ctx, b)
	if err != nil {
		return nil, err
	}
	row, err := s.verify(ctx, login, password, wait)
	if err != nil {
		if err := s.withdraw(ctx, b); err != nil {
			slog.WarnContext(ctx, "a sign-in attempt that was not judged stays counted", "error", err)
		}
		return nil, err
	}
	return row, nil
}

// verify gives the login's row when the password is right, else nil. Known and unknown logins cost
// one query and one computation each.
func (s *Service) verify(ctx context.Context, login, password string, wait time.Duration) (*model.StaffLogin, error) {
	if wait > 0 {
		if err := s.pause(ctx, wait); err != nil {
			return nil, err
		}
	}
	row, err := findLogin(s.db.WithContext(ctx), login)
	if err != nil {
		return nil, err
	}
	stored := s.hash.decoy
	if row != nil {
		stored = row.PasswordHash
	}
	right, err := s.hash.matches(ctx, password, stored)
	if err != nil || !right {
		return nil, err
	}
	return row, nil
}

// open makes the session, unless the password or the right to sign in has gone since it was
// checked: whoever takes them away locks the same row.
func (s *Service) open(ctx context.Context, l *model.StaffLogin, in SignInInput, b buckets) (string, *Viewer, error) {
	token := newToken()
	var v *Viewer
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		who, err := lockStaff(tx, l.StaffID)
		if err != nil {
			return err
		}
		same, err := unchanged(tx, l)
		if err != nil {
			return err
		}
		if !same || !maySignIn(who) {
			return ErrWrongLogin
		}
		if err := forgive(tx, b); err != nil {
			return err
		}
		v, err = s.newSession(tx, who, FaceConsole, tokenHash(token), in.UserAgent)
		return err
	})
	if err != nil {
		return "", nil, err
	}
	return token, v, nil
}

func (s *Service) newSession(tx *gorm.DB, who *model.Staff, face string, hash []byte, userAgent string) (*Viewer, error) {
	now := s.now()
	row := &model.Session{
		StaffID: who.ID, TokenHash: hash, Face: face, UserAgent: cut(strings.ToValidUTF8(userAgent, ""), 255),
		SeenAt: now, ExpiresAt: now.Add(s.options.AbsoluteTimeout), CreatedAt: now,
	}
	if err := insertSession(tx, row); err != nil {
		return nil, err
	}
	roles, err := findRoles(tx, []int64{who.ID})
	if err != nil {
		return nil, err
	}
	return &Viewer{
		StaffID: who.ID, AccountID: who.AccountID, UserID: who.UserID, Name: who.Name, Roles: roles[who.ID],
		SessionID: row.ID, Face: row.Face, ExpiresAt: row.ExpiresAt,
	}, nil
}

func maySignIn(who *model.Staff) bool {
	return !who.Disabled && who.GoneAt == nil && who.PlatformStatus != statusDisabled && who.PlatformStatus != statusLeft
}

func newToken() string { return base64.RawURLEncoding.EncodeToString(random(32)) }

func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
