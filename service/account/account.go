// Package account holds the platform accounts of this deployment, several WeCom corps and
// mini-programs, and their credentials: sealed at rest, opened only for those who speak to the
// platform, never given back to whoever entered them.
package account

import (
	"context"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/vault"
)

// Service is the accounts. Safe for concurrent use.
type Service struct {
	db   *gorm.DB
	now  clock.Clock
	seal sealer
	book *cache
}

// New takes the vault that seals credentials at rest. With another one's keys the accounts are still
// there, but asking for their credentials fails with ErrWrongKey.
func New(db *gorm.DB, now clock.Clock, v *vault.Vault) *Service {
	s := &Service{db: db, now: now, seal: sealer{v}}
	s.book = &cache{now: now, load: s.readAll}
	return s
}

// ByName finds an account, enabled or not, by its short name, or fails with ErrNotFound. It answers
// from memory: what another replica changed is seen within 5 s, and while the database can't be
// read what was known up to 10 minutes ago still holds.
func (s *Service) ByName(ctx context.Context, name string) (*model.Account, error) {
	e, err := s.entry(ctx, name)
	if err != nil {
		return nil, err
	}
	return e.account(), nil
}

// ByID finds an account by its row id; otherwise as ByName.
func (s *Service) ByID(ctx context.Context, id int64) (*model.Account, error) {
	b, err := s.book.get(ctx)
	if err != nil {
		return nil, err
	}
	e := b.byID[id]
	if e == nil {
		return nil, ErrNotFound
	}
	return e.account(), nil
}

// List gives all accounts as they stand in the database now, in the order of their creation.
func (s *Service) List(ctx context.Context) ([]model.Account, error) {
	return findAll(s.db.WithContext(ctx))
}

// CreateInput describes a new account.
type CreateInput struct {
	Kind       string // KindWeCom or KindMiniApp
	Name       string // short name in callback addresses; never changes
	Title      string // what people read
	PlatformID string // corp id or app id
	AgentID    int64  // WeCom only
	Secret     string
	// CallbackToken and CallbackAESKey may be set later, by RotateCallbackKeys; here both or none.
	CallbackToken  string
	CallbackAESKey string
}

// Create adds an enabled account. It fails with ErrInvalid, which names every wrong field,
// ErrNameTaken or ErrPlatformIDTaken.
func (s *Service) Create(ctx context.Context, in CreateInput) (*model.Account, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	row := &model.Account{
		Kind: in.Kind, Name: in.Name, Title: in.Title, PlatformID: in.PlatformID, AgentID: in.AgentID, Enabled: true,
		SealedSecret:         s.seal.seal(in.Secret, colSecret, in.Name),
		SealedCallbackToken:  s.seal.seal(in.CallbackToken, colToken, in.Name),
		SealedCallbackAESKey: s.seal.seal(in.CallbackAESKey, colAESKey, in.Name),
		CreatedAt:            s.now(), UpdatedAt: s.now(),
	}
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error { return insert(tx, row) })
	if err != nil {
		return nil, s.taken(ctx, err, in.Name)
	}
	s.book.forget()
	return row, nil
}

func (in CreateInput) check() error {
	var c check
	c.kind(in.Kind)
	c.name(in.Name)
	c.title(in.Title)
	c.platformID(in.Kind, in.PlatformID)
	c.agentID(in.Kind, in.AgentID)
	c.secret(in.Secret)
	if in.CallbackToken != "" || in.CallbackAESKey != "" {
		c.callbackKeys(in.CallbackToken, in.CallbackAESKey)
	}
	return c.err()
}

// taken says which of the unique values another account has.
func (s *Service) taken(ctx context.Context, err error, name string) error {
	if !model.IsDuplicate(err) {
		return err
	}
	found, lookErr := nameExists(s.db.WithContext(ctx), name)
	switch {
	case lookErr != nil:
		return lookErr
	case found:
		return ErrNameTaken
	}
	return ErrPlatformIDTaken
}

// UpdateInput says what to change; nil leaves a value as it is.
type UpdateInput struct {
	Title      *string
	PlatformID *string // only until the first members are synchronised
	AgentID    *int64
	Secret     *string
	Enabled    *bool
}

// Update changes an account and may be repeated. It fails with ErrNotFound, ErrInvalid, ErrInUse or
// ErrPlatformIDTaken.
func (s *Service) Update(ctx context.Context, id int64, in UpdateInput) error {
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		row, err := lock(tx, id)
		if err != nil {
			return err
		}
		columns, err := s.changes(tx, row, in)
		if err != nil || len(columns) == 0 {
			return err
		}
		columns["updated_at"] = s.now()
		return update(tx, id, columns)
	})
	if model.IsDuplicate(err) {
		return ErrPlatformIDTaken
	}
	if err != nil {
		return err
	}
	s.book.forget()
	return nil
}

// changes checks what is asked for and gives the columns to write.
func (s *Service) changes(tx *gorm.DB, row *model.Account, in UpdateInput) (map[string]any, error) {
	var c check
	columns := map[string]any{}
	if in.Title != nil {
		c.title(*in.Title)
		columns["title"] = *in.Title
	}
	if in.AgentID != nil {
		c.agentID(row.Kind, *in.AgentID)
		columns["agent_id"] = *in.AgentID
	}
	if in.Secret != nil {
		c.secret(*in.Secret)
		columns[colSecret] = s.seal.seal(*in.Secret, colSecret, row.Name)
	}
	if in.Enabled != nil {
		columns["enabled"] = *in.Enabled
	}
	if in.PlatformID != nil && *in.PlatformID != row.PlatformID {
		c.platformID(row.Kind, *in.PlatformID)
		columns["platform_id"] = *in.PlatformID
		used, err := hasStaff(tx, row.ID)
		if err != nil {
			return nil, err
		}
		if used {
			return nil, ErrInUse
		}
	}
	return columns, c.err()
}

// MaskedView is an account as people may see it: it says which credentials are there, never what
// they are.
type MaskedView struct {
	ID              int64
	Kind            string
	Name            string
	Title           string
	PlatformID      string
	AgentID         int64
	Enabled         bool
	HasSecret       bool
	HasCallbackKeys bool
	// OldCallbackUntil is when the callback keys before the last rotation stop being accepted; nil
	// when there are none.
	OldCallbackUntil *time.Time
	CreatedAt        time.Time
	UpdatedAt        time.Time
}

// Masked gives the view of an account that may be shown.
func Masked(a *model.Account) MaskedView {
	v := MaskedView{
		ID: a.ID, Kind: a.Kind, Name: a.Name, Title: a.Title, PlatformID: a.PlatformID, AgentID: a.AgentID, Enabled: a.Enabled,
		HasSecret:       len(a.SealedSecret) > 0,
		HasCallbackKeys: len(a.SealedCallbackToken) > 0 && len(a.SealedCallbackAESKey) > 0,
		CreatedAt:       a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
	if len(a.SealedOldCallbackToken) > 0 {
		v.OldCallbackUntil = a.OldCallbackUntil
	}
	return v
}
