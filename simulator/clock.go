package simulator

import (
	"net/http"
	"time"
)

// now is the virtual clock: the base clock plus the offset moved by /_sim/clock.
// It takes the lock; code that holds it uses nowLocked.
func (s *Simulator) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nowLocked()
}

func (s *Simulator) nowLocked() time.Time { return s.base().Add(s.world.Offset) }

// sleep waits for d of real time. It reports false when the caller went away or
// the simulator was closed first.
func (s *Simulator) sleep(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
	case <-s.done:
	}
	return false
}

type clockRequest struct {
	Advance string `json:"advance,omitempty"` // Go duration, may be negative
	Set     string `json:"set,omitempty"`     // RFC 3339
}

func (s *Simulator) controlClockGet(*controlCall) (any, error) {
	return s.clockReply(), nil
}

func (s *Simulator) controlClock(c *controlCall) (any, error) {
	var in clockRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	switch {
	case in.Advance != "":
		d, err := time.ParseDuration(in.Advance)
		if err != nil {
			return nil, refuse("advance: %v", err)
		}
		s.world.Offset += d
	case in.Set != "":
		t, err := time.Parse(time.RFC3339, in.Set)
		if err != nil {
			return nil, refuse("set: %v", err)
		}
		s.world.Offset = t.Sub(s.base())
	default:
		return nil, refuse("give advance or set")
	}
	return s.clockReply(), nil
}

func (s *Simulator) clockReply() reply {
	now := s.nowLocked()
	return reply{"now": now.UTC().Format(time.RFC3339Nano), "unix": now.Unix(), "offset": s.world.Offset.String()}
}
