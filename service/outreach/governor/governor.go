package governor

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"zhiyin/service/clock"
	"zhiyin/service/privacy"
)

// Wishes knows what customers want; *privacy.Service does.
type Wishes interface {
	WishesTx(tx *gorm.DB, customerIDs []int64) (map[int64]*privacy.Wish, error)
}

// Deps is what a Governor needs.
type Deps struct {
	DB     *gorm.DB
	Now    clock.Clock
	Zone   *time.Location // where the business is
	Wishes Wishes
	Logger *slog.Logger // nil: the default one
}

// Governor decides. Safe for concurrent use, in any number of processes.
type Governor struct {
	Deps
	quotas map[string]Quotas // by channel
	last   atomic.Pointer[Setting]
	zones  sync.Map // of a name, its *time.Location; nil: there is no such
}

// New puts the capability together.
func New(d Deps) *Governor {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	return &Governor{Deps: d, quotas: map[string]Quotas{}}
}

// now is the time to the millisecond, as marks keep it.
func (g *Governor) now() time.Time { return g.Now().UTC().Truncate(time.Millisecond) }

// rulesNow makes the setting in force ready. It is asked for every time, so a change holds from the next batch on; only reading its
// text is spared.
func (g *Governor) rulesNow(tx *gorm.DB) (*rules, error) {
	s, err := g.settingNow(tx)
	if err != nil {
		return nil, err
	}
	quotas := make(map[string]bool, len(g.quotas))
	for channel := range g.quotas {
		quotas[channel] = true
	}
	return newRules(s, g.Zone, quotas), nil
}

// zoneNamed finds a zone; nil when there is none of that name.
func (g *Governor) zoneNamed(name string) *time.Location {
	if z, ok := g.zones.Load(name); ok {
		return z.(*time.Location)
	}
	z, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		z = nil
	}
	g.zones.Store(name, z)
	return z
}
