// Package outreach 触达 owns the delivery ledger: one row for every message that anybody intends for a customer, written before anything
// leaves, and what became of it. Around the ledger it has the sender: it claims what is due, asks the governor, hands calls to the
// channels, and settles their outcomes. Whatever process dies at whatever moment, a delivery is sent once, or it is said to be in doubt.
package outreach

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"gorm.io/gorm"

	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/outreach/governor"
)

// Governor is the arbiter as the ledger meets it; *governor.Governor is one.
type Governor interface {
	// RuleTx answers every ask, in order, and reserves what it allows.
	RuleTx(tx *gorm.DB, asks []governor.Ask) ([]governor.Ruling, error)
	// ReturnTx gives back reservations of what did not leave after all.
	ReturnTx(tx *gorm.DB, did []governor.Reservation) error
}

// Contents tells what messages say, for the governor not to let the same through twice.
type Contents interface {
	// HashesTx gives a hash of each message's content by its row; one that is missing is not compared.
	HashesTx(tx *gorm.DB, messageIDs []int64) (map[int64][32]byte, error)
}

// Events is where facts are recorded; *event.Log is one.
type Events interface {
	Record(tx *gorm.DB, facts ...event.Fact) (added int, err error)
}

// Deps is what a Service needs.
type Deps struct {
	DB       *gorm.DB
	Now      clock.Clock
	Governor Governor // nil: everything may leave
	Contents Contents // nil: contents are not compared
	Events   Events   // nil: nobody is told
	// Redis is where processes share rates; nil or away: each process keeps to a share of its own.
	Redis     redis.UniversalClient
	KeyPrefix string
	Logger    *slog.Logger
	Metrics   prometheus.Registerer // nil: none
}

// Service owns the ledger. Safe for concurrent use.
type Service struct {
	Deps

	mu       sync.Mutex
	channels map[string]Channel
	givers   map[string]Giver
	laneIDs  map[string]int64 // of committed lanes, by what they have alike

	token   string        // of this process
	wake    chan struct{} // something may be due
	metrics *metrics
}

// New puts the capability together. Register its channels before it runs.
func New(d Deps) *Service {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Governor == nil {
		d.Governor = open{}
	}
	return &Service{
		Deps: d, channels: map[string]Channel{}, givers: map[string]Giver{}, laneIDs: map[string]int64{}, token: newToken(), wake: make(chan struct{}, 1),
		metrics: newMetrics(d.Metrics),
	}
}

// Register adds a channel, or puts another in the place of one of the same name. Call it while parts are put together.
func (s *Service) Register(c Channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels[c.Describe().Name] = c
}

// Channel finds a channel by its name.
func (s *Service) Channel(name string) (Channel, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.channels[name]
	return c, ok
}

// Channels lists what the channels can do, by name.
func (s *Service) Channels() []Description {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Description, 0, len(s.channels))
	for _, c := range s.channels {
		list = append(list, c.Describe())
	}
	slices.SortFunc(list, func(a, b Description) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// open is a governor that lets everything through.
type open struct{}

// RuleTx implements Governor.
func (open) RuleTx(_ *gorm.DB, asks []governor.Ask) ([]governor.Ruling, error) {
	rulings := make([]governor.Ruling, len(asks))
	for i := range rulings {
		rulings[i].Verdict = governor.Allow
	}
	return rulings, nil
}

// ReturnTx implements Governor.
func (open) ReturnTx(*gorm.DB, []governor.Reservation) error { return nil }

func newToken() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// now is the time to the millisecond, as rows keep it.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
