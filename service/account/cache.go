package account

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/wecom"
)

// How long what is in memory counts.
const (
	freshFor  = 5 * time.Second  // without asking the database
	usableFor = 10 * time.Minute // while the database can't be read
	loadLimit = 2 * time.Second  // one reading; a callback waits for it
	retryWait = time.Second      // between readings that fail
)

// entry is one account with its credentials opened. It is never changed once made.
type entry struct {
	row       model.Account
	secret    wecom.Secret
	secretErr error
	keys      []KeySet // the present one, then perhaps the old one
	keysErr   error
}

func (e *entry) account() *model.Account {
	row := e.row
	return &row
}

// book is all accounts at one moment. There are few of them, so reading all costs what reading one
// does, and made-up names are answered from memory.
type book struct {
	at     time.Time
	byName map[string]*entry
	byID   map[int64]*entry
}

func (b *book) within(d time.Duration, now time.Time) bool {
	if b == nil {
		return false
	}
	age := now.Sub(b.at)
	return age >= 0 && age <= d
}

// cache keeps the last book. One reading at a time serves all who wait.
type cache struct {
	now     clock.Clock
	load    func(context.Context) (*book, error)
	flights singleflight.Group

	mu         sync.Mutex
	kept       *book
	stale      bool      // a local write has outdated kept
	generation uint64    // rises with every local write
	retryAt    time.Time // after a failed reading
}

// forget makes the next get read the database. A reading that began before is not kept.
func (c *cache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	c.stale = true
	c.retryAt = time.Time{}
}

// look tells what is kept, and whether that is good enough without asking the database.
func (c *cache) look() (kept *book, generation uint64, good bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	good = !c.stale && c.kept.within(freshFor, now) || c.kept.within(usableFor, now) && now.Before(c.retryAt)
	return c.kept, c.generation, good
}

func (c *cache) get(ctx context.Context) (*book, error) {
	kept, generation, good := c.look()
	if good {
		return kept, nil
	}
	// The generation is the key: who asks after a write never joins a reading from before it.
	flight := c.flights.DoChan(strconv.FormatUint(generation, 10), func() (any, error) {
		if kept, _, good := c.look(); good { // the flight that this caller missed has landed
			return kept, nil
		}
		return c.reload(ctx, generation)
	})
	var err error
	select {
	case r := <-flight:
		if r.Err == nil {
			return r.Val.(*book), nil
		}
		err = r.Err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if kept.within(usableFor, c.now()) {
		return kept, nil
	}
	return nil, fmt.Errorf("read accounts: %w", err)
}

// reload serves everybody who waits, so it doesn't end with the one who began it.
func (c *cache) reload(ctx context.Context, generation uint64) (*book, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadLimit)
	defer cancel()
	b, err := c.load(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if c.retryAt.IsZero() { // the first of a row
			slog.Warn("accounts can't be read; going on with what is in memory", "error", err)
		}
		c.retryAt = c.now().Add(retryWait)
		return nil, err
	}
	if generation == c.generation {
		c.kept, c.stale, c.retryAt = b, false, time.Time{}
	}
	return b, nil
}

// readAll reads and opens all accounts. A credential that can't be opened is that account's own
// trouble.
func (s *Service) readAll(ctx context.Context) (*book, error) {
	at := s.now()
	rows, err := findAll(s.db.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	b := &book{at: at, byName: make(map[string]*entry, len(rows)), byID: make(map[int64]*entry, len(rows))}
	for i := range rows {
		e := s.open(&rows[i])
		b.byName[e.row.Name], b.byID[e.row.ID] = e, e
	}
	return b, nil
}

func (s *Service) open(row *model.Account) *entry {
	e := &entry{row: *row}
	secret, err := s.seal.open(row.SealedSecret, colSecret, row.Name)
	e.secret, e.secretErr = wecom.Secret(secret), err
	e.keys, e.keysErr = s.openKeys(row)
	return e
}

func (s *Service) openKeys(row *model.Account) ([]KeySet, error) {
	token, aesKey, err := s.callbackKeys(row)
	if err != nil {
		return nil, err
	}
	if token == "" || aesKey == "" {
		return nil, ErrNoCallbackKeys
	}
	keys := []KeySet{{Token: wecom.Secret(token), AESKey: wecom.Secret(aesKey)}}
	if row.OldCallbackUntil == nil {
		return keys, nil
	}
	oldToken, tokenErr := s.seal.open(row.SealedOldCallbackToken, colOldToken, row.Name)
	oldAESKey, keyErr := s.seal.open(row.SealedOldCallbackAESKey, colOldAESKey, row.Name)
	if tokenErr != nil || keyErr != nil || oldToken == "" {
		return keys, nil // the present keys don't suffer from a damaged old pair
	}
	return append(keys, KeySet{wecom.Secret(oldToken), wecom.Secret(oldAESKey), *row.OldCallbackUntil}), nil
}

func (s *Service) entry(ctx context.Context, name string) (*entry, error) {
	b, err := s.book.get(ctx)
	if err != nil {
		return nil, err
	}
	if e := b.byName[name]; e != nil {
		return e, nil
	}
	return nil, ErrNotFound
}

func (s *Service) enabled(ctx context.Context, name string) (*entry, error) {
	e, err := s.entry(ctx, name)
	if err != nil {
		return nil, err
	}
	if !e.row.Enabled {
		return nil, ErrDisabled
	}
	return e, nil
}
