package staff

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
)

var loginShape = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{2,63}$`)

// CreateInput describes somebody who only signs in to the console.
type CreateInput struct {
	Login    string // 3–64 letters, digits and . _ @ -, in any case
	Name     string
	Password string
	Roles    []string
	// By is the administrator who creates them: roles for which they need a second person are asked for, and not given yet. 0: nobody
	// is asked, as on the command line.
	By int64
}

// CreateAdmin makes an administrator of the console; it fails as Create.
func (s *Service) CreateAdmin(ctx context.Context, login, name, password string) (*model.Staff, error) {
	return s.Create(ctx, CreateInput{Login: login, Name: name, Password: password, Roles: []string{RoleAdmin}})
}

// Create makes a console user who is no member of any corp. It fails with ErrInvalid,
// ErrWeakPassword, ErrUnknownRole, ErrLoginTaken or ErrBusy.
func (s *Service) Create(ctx context.Context, in CreateInput) (*model.Staff, error) {
	names, err := checkRoles(in.Roles)
	if err != nil {
		return nil, err
	}
	in.Login, in.Name = normal(in.Login), strings.TrimSpace(in.Name)
	if in.Name == "" || utf8.RuneCountInString(in.Name) > 64 || !utf8.ValidString(in.Name) {
		return nil, ErrInvalid.With("name", "1–64 个字符 / 1–64 characters")
	}
	hash, err := s.newPassword(ctx, in.Login, in.Password)
	if err != nil {
		return nil, err
	}
	var row *model.Staff
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		now := s.now()
		row = &model.Staff{UserID: in.Login, Name: in.Name, PlatformStatus: 1, CreatedAt: now, UpdatedAt: now}
		if err := insertStaff(tx, row); err != nil {
			return err
		}
		if err := s.setLogin(tx, row.ID, in.Login, hash); err != nil {
			return err
		}
		if in.By != 0 {
			_, err = s.askRolesTx(tx, in.By, row.ID, names)
			return err
		}
		return replaceRoles(tx, row.ID, names, now)
	})
	if model.IsDuplicate(err) {
		return nil, ErrLoginTaken
	}
	if err != nil {
		return nil, err
	}
	return row, nil
}

// newPassword checks login and password and gives the password's hash.
func (s *Service) newPassword(ctx context.Context, login, password string) (string, error) {
	if !loginShape.MatchString(login) {
		return "", ErrInvalid.With("login", "3–64 个字母、数字或 . _ @ - / 3–64 letters, digits or . _ @ -")
	}
	if err := checkPassword(password, login); err != nil {
		return "", err
	}
	return s.hash.make(ctx, password)
}

// SetLogin lets a staff member sign in with this login and password from now on, also where there
// was another login before; all sessions end. It fails with ErrNotFound, ErrInvalid,
// ErrWeakPassword, ErrLoginTaken or ErrBusy.
func (s *Service) SetLogin(ctx context.Context, staffID int64, login, password string) error {
	login = normal(login)
	hash, err := s.newPassword(ctx, login, password)
	if err != nil {
		return err
	}
	err = s.change(ctx, staffID, func(tx *gorm.DB) error { return s.setLogin(tx, staffID, login, hash) })
	if model.IsDuplicate(err) {
		return ErrLoginTaken
	}
	return err
}

// SetPassword gives the staff member's login a new password; all sessions end. It fails with
// ErrNoLogin, ErrWeakPassword or ErrBusy.
func (s *Service) SetPassword(ctx context.Context, staffID int64, password string) error {
	l, err := loginOf(s.db.WithContext(ctx), staffID)
	if err != nil {
		return err
	}
	if l == nil {
		return ErrNoLogin
	}
	return s.SetLogin(ctx, staffID, l.Login, password)
}

// ChangePassword is SetPassword by the staff member, who proves to know the present one. Guessing
// it is limited as signing in is. It fails with ErrNoLogin, ErrWrongPassword, ErrWeakPassword,
// ErrTooMany or ErrBusy.
func (s *Service) ChangePassword(ctx context.Context, staffID int64, present, password, ip string) error {
	l, err := loginOf(s.db.WithContext(ctx), staffID)
	if err != nil {
		return err
	}
	if l == nil {
		return ErrNoLogin
	}
	if err := checkPassword(password, l.Login); err != nil {
		return err
	}
	b := bucketsOf(l.Login, ip)
	proven, err := s.judge(ctx, b, l.Login, present)
	if err != nil {
		return err
	}
	if proven == nil {
		return ErrWrongPassword
	}
	hash, err := s.hash.make(ctx, password)
	if err != nil {
		return err
	}
	return s.change(ctx, staffID, func(tx *gorm.DB) error {
		same, err := unchanged(tx, proven)
		if err != nil {
			return err
		}
		if !same {
			return ErrWrongPassword
		}
		if err := forgive(tx, b); err != nil {
			return err
		}
		return s.setLogin(tx, staffID, l.Login, hash)
	})
}

// unchanged tells whether a password that was proven is still the present one.
func unchanged(tx *gorm.DB, proven *model.StaffLogin) (bool, error) {
	fresh, err := loginOf(tx, proven.StaffID)
	return fresh != nil && fresh.PasswordHash == proven.PasswordHash, err
}

// SetRoles makes these the staff member's roles; none takes all rights away. If that changes
// anything all sessions end. It fails with ErrNotFound or ErrUnknownRole. Repeatable.
func (s *Service) SetRoles(ctx context.Context, staffID int64, names []string) error {
	names, err := checkRoles(names)
	if err != nil {
		return err
	}
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if _, err := lockStaff(tx, staffID); err != nil {
			return err
		}
		return s.giveRolesTx(tx, staffID, names)
	})
}

func (s *Service) giveRolesTx(tx *gorm.DB, staffID int64, names []string) error {
	have, err := findRoles(tx, []int64{staffID})
	if err != nil || slices.Equal(have[staffID], names) {
		return err
	}
	if err := replaceRoles(tx, staffID, names, s.now()); err != nil {
		return err
	}
	return revokeSessions(tx, []int64{staffID}, s.now())
}

// Disable takes away the right to sign in; all sessions end. It fails with ErrNotFound. Repeatable.
func (s *Service) Disable(ctx context.Context, staffID int64) error {
	return s.change(ctx, staffID, func(tx *gorm.DB) error { return setDisabled(tx, staffID, true, s.now()) })
}

// Enable gives back the right to sign in. It fails with ErrNotFound. Repeatable.
func (s *Service) Enable(ctx context.Context, staffID int64) error {
	return s.change(ctx, staffID, func(tx *gorm.DB) error { return setDisabled(tx, staffID, false, s.now()) })
}

// change does something to a staff member's access, after which all their sessions are over. The
// lock keeps a sign-in that is under way from slipping through.
func (s *Service) change(ctx context.Context, staffID int64, do func(tx *gorm.DB) error) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if _, err := lockStaff(tx, staffID); err != nil {
			return err
		}
		if err := do(tx); err != nil {
			return err
		}
		return revokeSessions(tx, []int64{staffID}, s.now())
	})
}

func (s *Service) setLogin(tx *gorm.DB, staffID int64, login, hash string) error {
	old, err := loginOf(tx, staffID)
	if err != nil {
		return err
	}
	now := s.now()
	return putLogin(tx, old, model.StaffLogin{
		StaffID: staffID, Login: login, PasswordHash: hash, ChangedAt: now, CreatedAt: now, UpdatedAt: now,
	})
}

// checkRoles gives each role once, in the order in which rows are read.
func checkRoles(names []string) ([]string, error) {
	for _, n := range names {
		if _, ok := roleOf(n); !ok {
			return nil, ErrUnknownRole.With("roles", n)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), nil
}
