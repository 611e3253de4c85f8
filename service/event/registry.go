package event

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// registryAge is how old this replica's knowledge of custom kinds may be.
const registryAge = 5 * time.Second

// maxKinds bounds the custom kinds; each replica holds all of them in memory.
const maxKinds = 1000

// registry knows all kinds: those of the table in code, and those that operators defined.
type registry struct {
	known atomic.Pointer[knownKinds]
	mu    sync.Mutex // held by whoever reads the rows
}

type knownKinds struct {
	byName map[string]*Kind
	until  time.Time
}

// kinds gives all kinds by name. While one caller reads them anew the others go on with what is known,
// and so do all when the database does not answer.
func (l *Log) kinds(ctx context.Context) (map[string]*Kind, error) {
	old := l.registry.known.Load()
	if old != nil && l.now().Before(old.until) {
		return old.byName, nil
	}
	if old == nil {
		l.registry.mu.Lock()
	} else if !l.registry.mu.TryLock() {
		return old.byName, nil
	}
	defer l.registry.mu.Unlock()
	if now := l.registry.known.Load(); now != nil && now != old {
		return now.byName, nil
	}
	fresh, err := l.readKinds(ctx)
	if err != nil {
		if old != nil {
			l.Logger.WarnContext(ctx, "kinds of events not read; going on with those known", "error", err)
			return old.byName, nil
		}
		return nil, err
	}
	l.registry.known.Store(&knownKinds{fresh, l.now().Add(registryAge)})
	return fresh, nil
}

func (l *Log) readKinds(ctx context.Context) (map[string]*Kind, error) {
	rows, err := customKinds(l.DB.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	all := maps.Clone(builtInKinds)
	for i := range rows {
		k, err := kindOf(&rows[i])
		if err != nil {
			return nil, err
		}
		if all[k.Name] == nil {
			all[k.Name] = k
		}
	}
	return all, nil
}

func kindOf(row *model.EventKind) (*Kind, error) {
	k := &Kind{
		Name: row.Name, Zh: row.Zh, En: row.En, Class: Class(row.Class), Tracked: true, Custom: true, Item: row.Item, Value: row.Value, Version: row.Version,
	}
	if err := json.Unmarshal([]byte(row.Properties), &k.Properties); err != nil {
		return nil, fmt.Errorf("read the properties of %s: %w", row.Name, err)
	}
	return k, nil
}

// Kinds lists all kinds there are, the house's own first, each part by name.
func (l *Log) Kinds(ctx context.Context) ([]Kind, error) {
	known, err := l.kinds(ctx)
	if err != nil {
		return nil, err
	}
	var out []Kind
	for _, k := range known {
		out = append(out, *k)
	}
	slices.SortFunc(out, func(a, b Kind) int {
		if a.Custom != b.Custom {
			return map[bool]int{false: -1, true: 1}[a.Custom]
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out, nil
}

// Define makes a custom kind known: here at once, to other replicas within seconds. What was kept aside
// under its name is replayed. Names of custom kinds have no dot, so that a later version of the house
// can't want the same. It fails with ErrDefinition, ErrKindExists or ErrTooManyKinds.
func (l *Log) Define(ctx context.Context, k Kind) (*Kind, error) {
	k.Custom, k.Tracked, k.Version = true, true, 1
	k.Class = cmp.Or(k.Class, ClassBehaviour)
	if strings.Contains(k.Name, ".") {
		return nil, ErrDefinition.With("name", "no dots")
	}
	if err := k.check(); err != nil {
		return nil, err
	}
	err := model.InTx(ctx, l.DB, func(tx *gorm.DB) error {
		if n, err := countKinds(tx); err != nil || n >= maxKinds {
			return cmpErr(err, ErrTooManyKinds)
		}
		if err := insertKind(tx, &k, l.now()); err != nil {
			return err
		}
		return l.replayTx(tx, k.Name)
	})
	if model.IsDuplicate(err) {
		return nil, ErrKindExists
	}
	l.registry.expire()
	return &k, err
}

// Change replaces the definition of a custom kind that is in Version as the caller saw it. Events that are
// recorded stay as they are, so a property keeps its type for good. It fails with ErrDefinition,
// ErrNoKind, ErrKindChanged or ErrPropertyType.
func (l *Log) Change(ctx context.Context, k Kind) (*Kind, error) {
	k.Custom, k.Tracked = true, true
	k.Class = cmp.Or(k.Class, ClassBehaviour)
	if err := k.check(); err != nil {
		return nil, err
	}
	err := model.InTx(ctx, l.DB, func(tx *gorm.DB) error {
		row, err := lockKind(tx, k.Name)
		if err != nil {
			return err
		}
		old, err := kindOf(row)
		if err != nil {
			return err
		}
		if old.Version != k.Version {
			return ErrKindChanged
		}
		for _, p := range k.Properties {
			if was, found := old.Property(p.Name); found && was.Type != p.Type {
				return ErrPropertyType.With("properties", p.Name)
			}
		}
		if err := updateKind(tx, &k, l.now()); err != nil {
			return err
		}
		return l.replayTx(tx, k.Name)
	})
	if err != nil {
		return nil, err
	}
	l.registry.expire()
	k.Version++
	return &k, nil
}

// expire has the next caller read the kinds anew.
func (r *registry) expire() {
	if old := r.known.Load(); old != nil {
		r.known.CompareAndSwap(old, &knownKinds{byName: old.byName})
	}
}
