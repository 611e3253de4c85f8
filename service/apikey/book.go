package apikey

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"zhiyin/model"
)

// freshFor is how long keys are answered from memory. With the time that one reading may take it stays
// under the 5 seconds after which a revoked key is refused everywhere.
const (
	freshFor  = 2 * time.Second
	loadLimit = 2 * time.Second
)

// opened is a valid key with its secrets opened. It is never changed once made.
type opened struct {
	row         model.APIKey
	secret, old string
	oldUntil    time.Time
	permissions []string
	networks    []netip.Prefix
}

// book keeps all valid keys for a moment. There are few of them, so reading all costs what reading one
// does, and invented ids are answered from memory.
type book struct {
	flights singleflight.Group

	mu         sync.Mutex
	kept       map[string]*opened // nil: read them
	at         time.Time
	generation uint64 // rises with every write of this process
}

// forget makes the next reader ask the database; a reading that began before is not kept.
func (b *book) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = nil
	b.generation++
}

func (s *Service) keys(ctx context.Context) (map[string]*opened, error) {
	b := &s.book
	b.mu.Lock()
	kept, at, generation := b.kept, b.at, b.generation
	b.mu.Unlock()
	if age := s.now().Sub(at); kept != nil && age >= 0 && age < freshFor {
		return kept, nil
	}
	flight := b.flights.DoChan(fmt.Sprint(generation), func() (any, error) {
		return s.reload(context.WithoutCancel(ctx), generation)
	})
	select {
	case r := <-flight:
		if r.Err != nil {
			return nil, fmt.Errorf("read API keys: %w", r.Err)
		}
		return r.Val.(map[string]*opened), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// reload serves everybody who waits, so it doesn't end with the one who began it.
func (s *Service) reload(ctx context.Context, generation uint64) (map[string]*opened, error) {
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	at := s.now()
	rows, err := validKeys(s.db.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	keys := make(map[string]*opened, len(rows))
	for _, row := range rows {
		k, err := s.open(row)
		if err != nil {
			return nil, err
		}
		keys[row.KeyID] = k
	}
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	if generation == s.book.generation {
		s.book.kept, s.book.at = keys, at
	}
	return keys, nil
}

func (s *Service) open(row model.APIKey) (k *opened, err error) {
	k = &opened{row: row}
	key, err := shown(&row)
	if err != nil {
		return nil, err
	}
	k.permissions = key.Permissions
	for _, n := range key.Networks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return nil, err
		}
		k.networks = append(k.networks, p)
	}
	if k.secret, err = s.vault.Open(row.SealedSecret, place(secretColumn, row.KeyID)); err != nil {
		return nil, fmt.Errorf("API key %d: %w", row.ID, err)
	}
	if row.OldUntil != nil {
		k.oldUntil = *row.OldUntil
		k.old, err = s.vault.Open(row.SealedOldSecret, place(oldSecretColumn, row.KeyID))
	}
	return k, err
}

// lastUses remembers when the use of a key was last written down.
type lastUses struct {
	mu sync.Mutex
	at map[int64]time.Time
}

// note writes down that a key is in use, once a minute; that it may be lost hurts nobody.
func (s *Service) note(ctx context.Context, id int64, now time.Time) {
	s.used.mu.Lock()
	due := now.Sub(s.used.at[id]) >= time.Minute
	if due {
		if s.used.at == nil {
			s.used.at = map[int64]time.Time{}
		}
		s.used.at[id] = now
	}
	s.used.mu.Unlock()
	if due {
		_ = noteUse(s.db.WithContext(ctx), id, now)
	}
}
