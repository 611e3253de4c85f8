package staff

import (
	"cmp"
	"context"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// touchEvery is how often a session's use is written down, at most.
const touchEvery = time.Minute

// Authenticate tells who a session belongs to and what they may do now: rights are read from the
// database on every call. A session that has ended, in whatever way, gets ErrSessionEnded.
func (s *Service) Authenticate(ctx context.Context, token string) (*Viewer, error) {
	now := s.now()
	seats, err := findSeats(s.db.WithContext(ctx), tokenHash(token), now, s.idleSince(now))
	if err != nil {
		return nil, err
	}
	if len(seats) == 0 {
		return nil, ErrSessionEnded
	}
	first := seats[0]
	if before := now.Add(-touchEvery); !first.SeenAt.After(before) {
		err := model.InTx(ctx, s.db, func(tx *gorm.DB) error { return touchSession(tx, first.ID, now, before) })
		if err != nil {
			return nil, err
		}
	}
	return viewerOf(seats), nil
}

func (s *Service) idleSince(now time.Time) time.Time { return now.Add(-s.options.IdleTimeout) }

func viewerOf(seats []seat) *Viewer {
	f := seats[0]
	v := &Viewer{
		StaffID: f.StaffID, AccountID: f.AccountID, UserID: f.UserID, Name: f.Name,
		SessionID: f.ID, Face: f.Face, ExpiresAt: f.ExpiresAt,
	}
	v.sight = &sight{}
	for _, x := range seats {
		if x.Role != nil {
			v.Roles = append(v.Roles, *x.Role)
		}
	}
	return v
}

// SignOut ends a session. Repeatable; an unknown token ends nothing.
func (s *Service) SignOut(ctx context.Context, token string) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		return revokeByToken(tx, tokenHash(token), s.now())
	})
}

// Sessions lists a staff member's live sessions, the last used first.
func (s *Service) Sessions(ctx context.Context, staffID int64) ([]model.Session, error) {
	now := s.now()
	return liveSessions(s.db.WithContext(ctx), staffID, now, s.idleSince(now))
}

// Revoke ends one session of a staff member, or fails with ErrSessionNotFound.
func (s *Service) Revoke(ctx context.Context, staffID, sessionID int64) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		found, err := revokeSession(tx, staffID, sessionID, s.now())
		if err == nil && !found {
			return ErrSessionNotFound
		}
		return err
	})
}

// RevokeAll ends every session of a staff member. Repeatable.
func (s *Service) RevokeAll(ctx context.Context, staffID int64) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		return revokeSessions(tx, []int64{staffID}, s.now())
	})
}

// PruneSessions deletes sessions past their absolute end, sign-ins that nobody finished, and counts of
// failed ones that are void. It is a job: it may run at any moment, twice, or in two replicas.
func (s *Service) PruneSessions(ctx context.Context) error {
	if err := s.pruneAll(ctx, "expires_at", prune[model.Session]); err != nil {
		return err
	}
	if err := s.pruneAll(ctx, "expires_at", prune[model.SignInState]); err != nil {
		return err
	}
	return s.pruneAll(ctx, "ends_at", prune[model.SignInFailure])
}

func (s *Service) pruneAll(ctx context.Context, column string, prune func(*gorm.DB, string, time.Time) (int, error)) error {
	for {
		var n int
		err := model.InTx(ctx, s.db, func(tx *gorm.DB) (err error) {
			n, err = prune(tx, column, s.now())
			return err
		})
		if err != nil || n < batch {
			return err
		}
	}
}

// ViewerNow is a staff member with the roles that they have now, for what is done in their name after they asked for it. It
// fails with ErrNotFound when they may not sign in any more.
func (s *Service) ViewerNow(ctx context.Context, staffID int64) (*Viewer, error) {
	db := s.db.WithContext(ctx)
	var row model.Staff
	res := db.Where("id = ? AND gone_at IS NULL AND disabled = ?", staffID, false).Limit(1).Find(&row)
	if res.Error != nil || res.RowsAffected == 0 {
		return nil, cmp.Or(res.Error, error(ErrNotFound))
	}
	v := &Viewer{StaffID: row.ID, AccountID: row.AccountID, UserID: row.UserID, Name: row.Name}
	return v, db.Model(&model.StaffRole{}).Where("staff_id = ?", staffID).Order("role").Pluck("role", &v.Roles).Error
}
