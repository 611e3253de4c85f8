// Package staff holds the people who work with this system: the mirror of the platform's
// departments and members, who signs in to the console and how, what each role may do and whose
// customers it sees, and the tasks that staff are asked to do.
package staff

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/wecom"
)

// Options are the settings of New; zero values mean the defaults.
type Options struct {
	IdleTimeout     time.Duration  // a session unused for this long ends; 0: 2 h. Counted to the minute
	AbsoluteTimeout time.Duration  // a session ends after this long however much it is used; 0: 7 days
	Zone            *time.Location // of the business day; nil: UTC
	// Corp asks the platform, for one account, who signs in by WeCom; nil: nobody does.
	Corp func(account string) Corp
}

// Corp is what signing in by WeCom asks of the platform.
type Corp interface {
	UserFromCode(ctx context.Context, code string) (*wecom.User, error)
}

// Service is the staff. Safe for concurrent use.
type Service struct {
	db      *gorm.DB
	now     clock.Clock
	options Options
	hash    *hasher
	pause   func(ctx context.Context, d time.Duration) error // how a sign-in is slowed down
}

// New makes the service.
func New(db *gorm.DB, now clock.Clock, o Options) *Service {
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 2 * time.Hour
	}
	if o.AbsoluteTimeout == 0 {
		o.AbsoluteTimeout = 7 * 24 * time.Hour
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return &Service{db: db, now: now, options: o, hash: newHasher(argonCost), pause: pause}
}

// Counts is the account that a synchronisation gives of what it did.
type Counts struct {
	Read, Created, Updated, Unchanged, Vanished, Failed int64
}

// Add adds another account to this one.
func (c *Counts) Add(o Counts) {
	c.Read += o.Read
	c.Created += o.Created
	c.Updated += o.Updated
	c.Unchanged += o.Unchanged
	c.Vanished += o.Vanished
	c.Failed += o.Failed
}

// Viewer is somebody signed in, with the roles that the database gave them for this request.
type Viewer struct {
	StaffID   int64
	AccountID int64 // 0: signs in to the console only
	UserID    string
	Name      string
	Roles     []string
	SessionID int64
	Face      string
	ExpiresAt time.Time // when the session ends at the latest

	sight *sight // nil: whom they see is read at every question
}

// May tells whether one of the viewer's roles has this permission.
func (v *Viewer) May(permission string) bool {
	return slices.ContainsFunc(v.Roles, func(name string) bool {
		r, ok := roleOf(name)
		return ok && slices.Contains(r.Permissions, permission)
	})
}

// Permissions lists everything that the viewer may do, in the order of the table of roles.
func (v *Viewer) Permissions() []string {
	return slices.DeleteFunc(Permissions(), func(p string) bool { return !v.May(p) })
}

// Corp is the account with whose members, tags and channel codes alone the viewer deals. Who sees everybody
// is bound to none.
func (v *Viewer) Corp() (accountID int64, bound bool) {
	return v.AccountID, v.scope() != ScopeAll
}

func (v *Viewer) scope() Scope {
	widest := ScopeOwn
	for _, name := range v.Roles {
		if r, ok := roleOf(name); ok {
			widest = max(widest, r.Scope)
		}
	}
	return widest
}

// ByID finds a staff member, present or gone, or fails with ErrNotFound.
func (s *Service) ByID(ctx context.Context, id int64) (*model.Staff, error) {
	return findStaff(s.db.WithContext(ctx), id)
}

// ByLogin finds who signs in with a login, or fails with ErrNotFound.
func (s *Service) ByLogin(ctx context.Context, login string) (*model.Staff, error) {
	tx := s.db.WithContext(ctx)
	l, err := findLogin(tx, normal(login))
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, ErrNotFound
	}
	return findStaff(tx, l.StaffID)
}

// ByUserIDs finds the staff of an account by the platform's user ids, in any case. The map's keys
// are lower case; whoever is unknown is absent.
func (s *Service) ByUserIDs(ctx context.Context, accountID int64, userids []string) (map[string]*model.Staff, error) {
	return s.ByUserIDsTx(s.db.WithContext(ctx), accountID, userids)
}

// ByUserIDsTx is ByUserIDs as part of a transaction.
func (s *Service) ByUserIDsTx(tx *gorm.DB, accountID int64, userids []string) (map[string]*model.Staff, error) {
	return findByUserIDs(tx, accountID, lowered(userids))
}

// Filter selects staff for a list.
type Filter struct {
	AccountID *int64 // nil: of all accounts; 0: console only
	Search    string // part of a name, alias or user id
	Gone      bool   // also those who are gone
	After     int64  // row id of the last one of the page before
	Limit     int    // 0: 50; at most 200
}

// List gives a page of staff in the order of their rows. The page after begins after the last id;
// a page that isn't full is the last.
func (s *Service) List(ctx context.Context, f Filter) ([]model.Staff, error) {
	f.Limit = pageSize(f.Limit)
	return listStaff(s.db.WithContext(ctx), f)
}

// RolesOf gives the roles of some staff by row id.
func (s *Service) RolesOf(ctx context.Context, ids []int64) (map[int64][]string, error) {
	return findRoles(s.db.WithContext(ctx), ids)
}

// Departments lists the departments of an account that the platform still has.
func (s *Service) Departments(ctx context.Context, accountID int64) ([]model.Department, error) {
	return presentDepartments(s.db.WithContext(ctx), accountID)
}

func pageSize(n int) int {
	if n <= 0 {
		return 50
	}
	return min(n, 200)
}
