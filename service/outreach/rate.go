package outreach

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"zhiyin/model"
	"zhiyin/service/clock"
)

// rates keeps each channel and account to its limits, all processes together. Each limit is a bucket that fills evenly: in Redis where that
// answers, so that the processes share it; while it does not, each process keeps to its share, by how many there were of late.
type rates struct {
	rdb    redis.UniversalClient
	prefix string
	now    clock.Clock

	mu     sync.Mutex
	of     map[string]*bucket
	rested time.Time // Redis is left alone until then
	peers  int       // processes seen of late, this one included
	seenAt time.Time
	self   string
}

const (
	redisPatience = 200 * time.Millisecond
	redisRest     = 2 * time.Second
	burstTime     = 200 * time.Millisecond // what a bucket holds when it is full
	leaseParts    = 50                     // of a second's calls, taken from Redis at once
	peerTime      = 10 * time.Second
)

func newRates(rdb redis.UniversalClient, prefix string, now clock.Clock) *rates {
	if c, ok := rdb.(*redis.Client); ok && c != nil {
		rdb = c.WithTimeout(redisPatience)
	} else if ok {
		rdb = nil
	}
	return &rates{rdb: rdb, prefix: prefix, now: now, of: map[string]*bucket{}, peers: 1, self: newToken()}
}

// chunk is how many deliveries to claim at once: all chunks of an account together not more than go out in about a second, so that lanes
// take turns.
func (r *rates) chunk(desc Description) int {
	n := chunkMost
	for _, l := range desc.Limits {
		if l.Calls <= 0 || l.Per <= 0 {
			continue
		}
		perSecond := float64(l.Calls) / l.Per.Seconds()
		n = min(n, max(1, int(perSecond)/slotsOf)*max(1, desc.Batch))
	}
	return n
}

// wait lets one call pass when every limit allows it; false: ctx ended before.
func (r *rates) wait(ctx context.Context, lane *model.DeliveryLane, desc Description) bool {
	for i, l := range desc.Limits {
		if l.Calls <= 0 || l.Per <= 0 {
			continue
		}
		b := r.bucket(lane.Channel+":"+strconv.FormatInt(lane.AccountID, 10)+":"+strconv.Itoa(i), l)
		for {
			pause := b.take(ctx, r)
			if pause == 0 {
				break
			}
			t := time.NewTimer(pause)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				return false
			}
		}
	}
	return ctx.Err() == nil
}

func (r *rates) bucket(subject string, l Limit) *bucket {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.of[subject]
	if b == nil {
		b = &bucket{subject: subject, gap: l.Per / time.Duration(l.Calls)}
		b.burst = max(b.gap, min(burstTime, l.Per))
		b.most = max(1, int(time.Second/max(b.gap, 1))/leaseParts)
		r.of[subject] = b
	}
	return b
}

// bucket is one limit as this process sees it: calls pass a gap apart, with a burst after a rest.
type bucket struct {
	subject string
	gap     time.Duration
	burst   time.Duration
	most    int // calls taken from Redis at once

	mu   sync.Mutex
	left int
	next time.Time // when the next call is due, as far as this process knows by itself
}

// take uses up one call and returns 0, or returns how long to wait before asking again.
func (b *bucket) take(ctx context.Context, r *rates) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left > 0 {
		b.left--
		return 0
	}
	now := r.now()
	granted, pause, ok := r.shared(ctx, b, now)
	if !ok {
		granted, pause = b.own(now, r.share())
	}
	if granted == 0 {
		return max(pause, time.Millisecond)
	}
	b.left = granted - 1
	return 0
}

// own is what this process allows itself while Redis is away.
func (b *bucket) own(now time.Time, peers int) (granted int, pause time.Duration) {
	gap := b.gap * time.Duration(max(1, peers))
	if b.next.Before(now.Add(-b.burst)) || b.next.After(now.Add(time.Hour)) {
		b.next = now.Add(-b.burst)
	}
	if b.next.After(now) {
		return 0, b.next.Sub(now)
	}
	b.next = b.next.Add(gap)
	return 1, 0
}

// takeScript moves on the moment at which the next call is due, for as many calls as are due by now. Times are microseconds.
// It answers how many, and how long to wait when there are none.
var takeScript = redis.NewScript(`
local now, gap, burst, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local due = tonumber(redis.call('GET', KEYS[1]) or '0')
if due < now - burst or due > now + gap * 1000 + 3600000000 then due = now - burst end
if due > now then return {0, math.ceil(due - now)} end
local n = math.min(want, math.floor((now - due) / gap) + 1)
redis.call('SET', KEYS[1], string.format('%.0f', due + n * gap), 'PX', math.ceil((burst + gap * 2) / 1000) + 60000)
return {n, 0}
`)

// shared asks Redis; ok is false when it can't be relied on.
func (r *rates) shared(ctx context.Context, b *bucket, now time.Time) (granted int, pause time.Duration, ok bool) {
	if !r.usable() {
		return 0, 0, false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redisPatience)
	defer cancel()
	r.countPeers(ctx)
	key := r.prefix + "outreach:{" + b.subject + "}"
	answer, err := takeScript.Run(ctx, r.rdb, []string{key}, now.UnixMicro(), b.gap.Microseconds(), b.burst.Microseconds(), b.most).Int64Slice()
	if err != nil || len(answer) != 2 {
		r.rest()
		return 0, 0, false
	}
	return int(answer[0]), time.Duration(answer[1]) * time.Microsecond, true
}

func (r *rates) usable() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rdb != nil && !time.Now().Before(r.rested)
}

func (r *rates) rest() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rested = time.Now().Add(redisRest)
}

func (r *rates) share() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.peers
}

// countPeers tells the others that this process sends, and counts those who do.
func (r *rates) countPeers(ctx context.Context) {
	now := time.Now()
	r.mu.Lock()
	due := now.Sub(r.seenAt) >= peerTime/4
	if due {
		r.seenAt = now
	}
	r.mu.Unlock()
	if !due {
		return
	}
	key := r.prefix + "outreach:peers"
	var count *redis.IntCmd
	_, err := r.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAdd(ctx, key, redis.Z{Score: float64(now.UnixMilli()), Member: r.self})
		p.ZRemRangeByScore(ctx, key, "-inf", strconv.FormatInt(now.Add(-peerTime).UnixMilli(), 10))
		count = p.ZCard(ctx, key)
		p.Expire(ctx, key, time.Minute)
		return nil
	})
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.peers = max(1, int(count.Val()))
}
