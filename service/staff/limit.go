package staff

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/netip"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// How failed sign-ins are held back. Counts stand in the database, so they hold for all replicas
// and outlast a restart.
const (
	faultWindow = 15 * time.Minute // a count begins anew after it; a slow-down lasts as long
	// pairLimit is for one login from one network: guessing there stops.
	pairLimit = 5
	// networkLimit is for one network and any login. An office shares one address, so it is wider.
	networkLimit = 30
	// delayFrom is for one login from anywhere: it is only slowed down, never refused, or strangers
	// could lock somebody out by failing often enough.
	delayFrom = 5
	maxDelay  = 4 * time.Second
)

// buckets are what one attempt counts against.
type buckets struct{ pair, network, login []byte }

func bucketsOf(login, ip string) buckets {
	n := network(ip)
	return buckets{bucket("pair", login, n), bucket("network", n), bucket("login", login)}
}

// bucket hides what it is about: what people type may be a password in the wrong field.
func bucket(parts ...string) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return h.Sum(nil)
}

// network is an IPv4 address or an IPv6 /64: a single household or server has the whole /64.
func network(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil {
		return ip
	}
	return p.String()
}

// all gives the buckets in the order in which rows are locked.
func (b buckets) all() [][]byte {
	list := [][]byte{b.pair, b.network, b.login}
	slices.SortFunc(list, bytes.Compare)
	return list
}

func (b buckets) limit(bucket []byte) int {
	switch {
	case bytes.Equal(bucket, b.pair):
		return pairLimit
	case bytes.Equal(bucket, b.network):
		return networkLimit
	}
	return delayFrom
}

// refusal says how long attempts are still refused; zero lets them in.
func (b buckets) refusal(rows []model.SignInFailure, now time.Time) time.Duration {
	var wait time.Duration
	for _, r := range rows {
		if !bytes.Equal(r.Bucket, b.login) && r.Failures >= b.limit(r.Bucket) {
			wait = max(wait, r.EndsAt.Sub(now))
		}
	}
	return wait
}

// counted is a row after one more failure.
func counted(r model.SignInFailure, limit int, now time.Time) model.SignInFailure {
	if !now.Before(r.EndsAt) {
		r.Failures, r.EndsAt = 0, now.Add(faultWindow)
	}
	r.Failures++
	if r.Failures == limit {
		r.EndsAt = now.Add(faultWindow) // the slow-down lasts its full time
	}
	return r
}

// delay is how long the attempt after so many failures of its login has to wait.
func delay(failures int) time.Duration {
	return min(time.Duration(failures/delayFrom)*time.Second, maxDelay)
}

// admit counts an attempt as failed before its password is looked at, so that a thousand at once
// can't all pass a limit that none has reached yet; [Service.withdraw] and [Service.forgive] take
// it back. It fails with ErrTooMany, else says how long to wait.
func (s *Service) admit(ctx context.Context, b buckets) (wait time.Duration, err error) {
	rows, err := findFailures(s.db.WithContext(ctx), b.all())
	if err != nil {
		return 0, err
	}
	if d := b.refusal(rows, s.now()); d > 0 {
		return 0, ErrTooMany.After(d) // without writing anything
	}
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		now := s.now()
		rows, err := lockFailures(tx, b.all(), now)
		if err != nil {
			return err
		}
		if d := b.refusal(rows, now); d > 0 {
			return ErrTooMany.After(d)
		}
		for _, r := range rows {
			r = counted(r, b.limit(r.Bucket), now)
			if bytes.Equal(r.Bucket, b.login) {
				wait = delay(r.Failures - 1)
			}
			if err := updateFailure(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	return wait, err
}

// withdraw takes back an attempt that never came to be judged.
func (s *Service) withdraw(ctx context.Context, b buckets) error {
	return model.InTx(context.WithoutCancel(ctx), s.db, func(tx *gorm.DB) error {
		return subtractFailure(tx, b.all())
	})
}

// forgive takes back an attempt that succeeded, and forgets the earlier faults of this login from
// this network. Those of others stay, or whoever has a login could guess without end.
func forgive(tx *gorm.DB, b buckets) error {
	if err := dropFailure(tx, b.pair); err != nil {
		return err
	}
	others := [][]byte{b.network, b.login}
	slices.SortFunc(others, bytes.Compare)
	return subtractFailure(tx, others)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
