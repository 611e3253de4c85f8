// Package keyring keeps the keys that data is sealed with: each is random, has a purpose and a generation,
// and lies in the database sealed with the secret key of the configuration. So the secret key can be
// changed without touching data ([Ring.Rewrap]), and data can be sealed anew while everybody goes on
// reading and writing ([Ring.Rotate], [Ring.Reseal]).
package keyring

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/fault"
	"zhiyin/service/vault"
)

// What keys are for. Names are data.
const (
	Credentials  = "credentials"              // of platform accounts
	PersonalData = "personal data"            // of customers
	OtherSystems = "secrets of other systems" // of API keys and webhooks
	CouponRuns   = "coupon secrets"           // what codes of coupons follow from
	DrawSeeds    = "draw seeds"               // which decide lucky draws until they end
	PublicIDs    = "public ids"               // never rotated: links would end
	CouponCodes  = "coupon codes"             // never rotated: codes that are out would be unknown
)

var purposes = []string{Credentials, PersonalData, OtherSystems, CouponRuns, DrawSeeds, PublicIDs, CouponCodes}

// What can go wrong.
var (
	ErrSecretKey = errors.New("keyring: the data keys are sealed with another secret_key; if it was changed, set secret_key_before to the one before")
	ErrPurpose   = fault.New(fault.Invalid, "keyring.no_such_purpose", "没有这类数据", "no data of this purpose can be sealed anew")
	ErrRunning   = fault.New(fault.Conflict, "keyring.rotation_running", "上一次轮换还没有完成", "the rotation before has not ended yet")
	ErrInUse     = fault.New(fault.Conflict, "keyring.in_use", "还有数据在使用旧密钥", "something is still sealed with an older key")
)

// How soon every replica knows a new key, and how long after it was made it begins to seal.
const (
	RefreshEvery = 15 * time.Second
	ActiveAfter  = 4 * RefreshEvery
)

// Ring is the keys of one replica. Safe for concurrent use.
type Ring struct {
	db      *gorm.DB
	now     clock.Clock
	log     *slog.Logger
	secrets [][]byte // the secret key, and the one before if that is set
	places  map[string][]Place

	mu     sync.Mutex
	held   map[string][][]byte // by purpose, the one that seals first
	vaults map[string]*vault.Vault
	asked  time.Time // when a missing key last made us look
}

// Open takes the secret key and the one before it, nil if there is none. Until there are data keys, or
// when they can't be opened, what is held is derived from the secret key itself; see [Ring.Load].
func Open(ctx context.Context, db *gorm.DB, now clock.Clock, log *slog.Logger, secret, before []byte) (*Ring, error) {
	r := &Ring{
		db: db, now: now, log: log, secrets: [][]byte{secret}, places: map[string][]Place{}, held: map[string][][]byte{}, vaults: map[string]*vault.Vault{},
	}
	if before != nil {
		r.secrets = append(r.secrets, before)
	}
	for _, purpose := range purposes {
		key := derived(secret, purpose)
		v, err := vault.New(key)
		if err != nil {
			return nil, err
		}
		v.Missing = r.missing
		r.held[purpose], r.vaults[purpose] = [][]byte{key}, v
	}
	if exists, err := tableExists(db.WithContext(ctx)); err != nil || !exists {
		return r, err
	}
	if err := r.Refresh(ctx); err != nil && !errors.Is(err, ErrSecretKey) {
		return nil, err
	}
	return r, nil
}

// derived is the key of a purpose as it was before there were data keys: the first generation.
func derived(secret []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "zhiyin/"+purpose, 32)
	if err != nil {
		panic(err) // only for lengths that SHA-256 can't give
	}
	return key
}

// Vault is what seals and opens data of a purpose, with whatever keys there are at the time.
func (r *Ring) Vault(purpose string) *vault.Vault { return r.vaults[purpose] }

// Key is the newest key of a purpose.
func (r *Ring) Key(purpose string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held[purpose][0]
}

// Load makes the first generation of what has no data key yet, and reads all of them. Call it once the
// schema is up to date, before anything is sealed. It fails with ErrSecretKey.
func (r *Ring) Load(ctx context.Context) error {
	// What was sealed so far was under the secret key before, if there is one.
	first := r.secrets[len(r.secrets)-1]
	err := model.InTx(ctx, r.db, func(tx *gorm.DB) error {
		for purpose := range r.vaults {
			sealed, err := wrap(r.secrets[0], purpose, 0, derived(first, purpose))
			if err != nil {
				return err
			}
			row := &model.DataKey{Purpose: purpose, SealedKey: sealed, ActiveAt: r.now(), CreatedAt: r.now()}
			if err := insertFirst(tx, row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.Refresh(ctx)
}

// Refresh reads the keys again.
func (r *Ring) Refresh(ctx context.Context) error {
	rows, err := keys(r.db.WithContext(ctx))
	if err != nil {
		return err
	}
	held, err := r.open(rows)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for purpose, list := range held {
		r.held[purpose] = list
		if err := r.vaults[purpose].Use(list...); err != nil {
			return err
		}
	}
	return nil
}

// open orders the keys of each purpose: the newest active one, then the others, the newest first.
func (r *Ring) open(rows []model.DataKey) (map[string][][]byte, error) {
	now, held := r.now(), map[string][][]byte{}
	var waiting []model.DataKey
	for _, row := range rows { // the newest first
		if r.vaults[row.Purpose] == nil {
			continue // of a newer version of this program
		}
		if row.ActiveAt.After(now) {
			waiting = append(waiting, row)
			continue
		}
		key, err := r.unwrap(row)
		if err != nil {
			return nil, err
		}
		held[row.Purpose] = append(held[row.Purpose], key)
	}
	for _, row := range waiting {
		key, err := r.unwrap(row)
		if err != nil {
			return nil, err
		}
		held[row.Purpose] = append(held[row.Purpose], key)
	}
	return held, nil
}

// missing looks for keys that another replica has made since, at most once a second.
func (r *Ring) missing() {
	r.mu.Lock()
	due := time.Since(r.asked) >= time.Second
	if due {
		r.asked = time.Now()
	}
	r.mu.Unlock()
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := r.Refresh(ctx); err != nil {
		r.log.Error("a value came whose key isn't at hand, and the keys can't be read", "error", err)
	}
}

// Run keeps the keys up to date until ctx ends.
func (r *Ring) Run(ctx context.Context) {
	tick := time.NewTicker(RefreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := r.Refresh(ctx); err != nil && ctx.Err() == nil {
				r.log.ErrorContext(ctx, "the data keys can't be read", "error", err)
			}
		}
	}
}

// Rewrap seals every data key with the present secret key, and tells how many were sealed with the one
// before, which can be forgotten then. Data is not touched. Repeatable. It fails with ErrSecretKey.
func (r *Ring) Rewrap(ctx context.Context) (n int, err error) {
	err = model.InTx(ctx, r.db, func(tx *gorm.DB) error {
		n = 0
		rows, err := keys(model.ForUpdate(tx))
		if err != nil {
			return err
		}
		for _, row := range rows {
			if _, err := unwrap(r.secrets[0], row); err == nil {
				continue
			}
			key, err := r.unwrap(row)
			if err != nil {
				return err
			}
			sealed, err := wrap(r.secrets[0], row.Purpose, row.Generation, key)
			if err != nil {
				return err
			}
			if err := putKey(tx, row.ID, sealed); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	return n, err
}

// Rotate makes a new key of a purpose, which begins to seal after ActiveAfter, when every replica has it;
// [Ring.Reseal] then seals anew what older ones have sealed. It fails with ErrPurpose or ErrRunning.
func (r *Ring) Rotate(ctx context.Context, purpose string) (*model.KeyRotation, error) {
	if len(r.places[purpose]) == 0 {
		return nil, ErrPurpose.With("purpose", purpose)
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	var out *model.KeyRotation
	err := model.InTx(ctx, r.db, func(tx *gorm.DB) error {
		last, err := newest(model.ForUpdate(tx), purpose)
		if err != nil {
			return err
		}
		running, err := runningRotation(tx, purpose)
		if err != nil {
			return err
		}
		if running != nil {
			return ErrRunning
		}
		now := r.now()
		sealed, err := wrap(r.secrets[0], purpose, last.Generation+1, secret)
		if err != nil {
			return err
		}
		key := &model.DataKey{Purpose: purpose, Generation: last.Generation + 1, SealedKey: sealed, ActiveAt: now.Add(ActiveAfter), CreatedAt: now}
		out = &model.KeyRotation{Purpose: purpose, Generation: key.Generation, Pass: 1, StartedAt: now, UpdatedAt: now}
		return begin(tx, key, out)
	})
	if model.IsDuplicate(err) {
		return nil, ErrRunning
	}
	if err != nil {
		return nil, err
	}
	return out, r.Refresh(ctx)
}

func (r *Ring) unwrap(row model.DataKey) ([]byte, error) {
	for _, secret := range r.secrets {
		if key, err := unwrap(secret, row); err == nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%w (%s, generation %d)", ErrSecretKey, row.Purpose, row.Generation)
}

func wrap(secret []byte, purpose string, generation int, key []byte) ([]byte, error) {
	v, err := vault.New(derived(secret, "data keys"))
	if err != nil {
		return nil, err
	}
	return v.Seal(string(key), placeOfKey(purpose, generation)), nil
}

func unwrap(secret []byte, row model.DataKey) ([]byte, error) {
	v, err := vault.New(derived(secret, "data keys"))
	if err != nil {
		return nil, err
	}
	key, err := v.Open(row.SealedKey, placeOfKey(row.Purpose, row.Generation))
	return []byte(key), err
}

func placeOfKey(purpose string, generation int) vault.Place {
	return vault.Place{Table: "data_key", Column: "sealed_key", Row: purpose + "/" + strconv.Itoa(generation)}
}
