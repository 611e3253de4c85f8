package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/outreach"
)

// OutreachOptions says what [Outreach] measures; zero values mean what is said at each.
type OutreachOptions struct {
	DSN       string // of an empty database, which is migrated and left with the deliveries in it
	ServerPID int    // of the database server; 0: unknown
	Messages  int    // 0: 100,000
	RedisAddr string // of a Redis that may be written to, for rates and for asynq; empty: none
	RedisPID  int
	Only      []string // the parts to measure, by their names; none: all
	// Platform starts a null platform and gives its address and process; nil: one inside this process.
	Platform func(ctx context.Context) (url string, pid int, stop func(), err error)
}

// Outreach measures the delivery ledger alone, beside the least the same database needs for as many rows and, where this program was built
// with it, beside asynq; and then the sender with its ledger, to a platform that answers at once.
func Outreach(ctx context.Context, o OutreachOptions, out io.Writer) error {
	if o.Messages <= 0 {
		o.Messages = 100_000
	}
	db, err := model.Open(ctx, model.Options{DSN: o.DSN, MaxConns: 20, StatementTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer model.Close(db)
	if _, err := model.Migrate(ctx, db); err != nil {
		return err
	}
	b := &outreachBench{OutreachOptions: o, db: db, out: out}
	if err := b.audience(ctx); err != nil {
		return err
	}
	for _, part := range outreachParts {
		if len(o.Only) > 0 && !slices.Contains(o.Only, part.name) {
			continue
		}
		if err := part.run(b, ctx); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "memory of this process at its largest: %d MiB\n", peakRSS()>>20)
	return nil
}

var outreachParts = []struct {
	name string
	run  func(*outreachBench, context.Context) error
}{
	{"raw", (*outreachBench).raw}, {"ledger", (*outreachBench).ledger}, {"asynq", (*outreachBench).peer}, {"sender", (*outreachBench).sender},
	{"pick-up", (*outreachBench).pickUp}, {"rate", (*outreachBench).rate}, {"campaign", (*outreachBench).campaign},
}

type outreachBench struct {
	OutreachOptions
	db     *gorm.DB
	out    io.Writer
	source int64
	alone  float64 // CPU seconds of the ledger alone; 0: not measured
}

// line is one measurement: the processor time is of this process and of the database server.
func (b *outreachBench) line(what string, n, serverPID int, f func() error) (cpu float64, err error) {
	own, server, began := ownCPU(), processCPU(serverPID), time.Now()
	if err := f(); err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	took := time.Since(began)
	per := func(d time.Duration) float64 { return d.Seconds() * 1e5 / float64(n) }
	mine, theirs := per(ownCPU()-own), per(processCPU(serverPID)-server)
	fmt.Fprintf(b.out, "%-44s %9.0f/s   CPU s/100k: %5.2f + server %5.2f = %5.2f\n", what, float64(n)/took.Seconds(), mine, theirs, mine+theirs)
	return mine + theirs, nil
}

func (b *outreachBench) audience(ctx context.Context) error {
	fmt.Fprintf(b.out, "%d messages on %s\n", b.Messages, strings.SplitN(b.DSN, ":", 2)[0])
	db := b.db.WithContext(ctx)
	if err := db.Exec("CREATE TABLE bench_audience (audience_id BIGINT NOT NULL, customer_id BIGINT NOT NULL, PRIMARY KEY (audience_id, customer_id))").Error; err != nil {
		return err
	}
	for from := 0; from < b.Messages; from += 1000 {
		var values strings.Builder
		for i := from; i < min(from+1000, b.Messages); i++ {
			if i > from {
				values.WriteByte(',')
			}
			fmt.Fprintf(&values, "(1,%d)", i+1)
		}
		if err := db.Exec("INSERT INTO bench_audience VALUES " + values.String()).Error; err != nil {
			return err
		}
	}
	return nil
}

// raw is the least: one INSERT … SELECT into a table with one key, and two range UPDATEs of every row.
func (b *outreachBench) raw(ctx context.Context) error {
	db := b.db.WithContext(ctx)
	create := "CREATE TABLE bench_delivery (campaign_id BIGINT NOT NULL, customer_id BIGINT NOT NULL, state INT NOT NULL, PRIMARY KEY (campaign_id, customer_id))"
	if err := db.Exec(create).Error; err != nil {
		return err
	}
	if _, err := b.line("raw INSERT … SELECT", b.Messages, b.ServerPID, func() error {
		return db.Exec("INSERT INTO bench_delivery SELECT 1, customer_id, 1 FROM bench_audience").Error
	}); err != nil {
		return err
	}
	_, err := b.line("raw range UPDATE, twice each row", b.Messages, b.ServerPID, func() error {
		for state := 2; state <= 3; state++ {
			for from := 0; from < b.Messages; from += 2000 {
				err := db.Exec("UPDATE bench_delivery SET state = ? WHERE campaign_id = 1 AND customer_id BETWEEN ? AND ?", state, from+1, from+2000).Error
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	return errors.Join(err, db.Exec("DROP TABLE bench_delivery").Error)
}

func (b *outreachBench) service(ch outreach.Channel) *outreach.Service {
	d := outreach.Deps{DB: b.db, Now: clock.System, Logger: slog.New(slog.DiscardHandler), KeyPrefix: "zhiyin-bench:"}
	if b.RedisAddr != "" {
		d.Redis = redis.NewClient(&redis.Options{Addr: b.RedisAddr})
	}
	s := outreach.New(d)
	s.Register(ch)
	return s
}

func (b *outreachBench) plan(ctx context.Context, s *outreach.Service, channel string) error {
	b.source++
	_, err := s.PlanSet(ctx, outreach.Set{
		Intent:   outreach.Intent{Source: outreach.SourceCampaign, SourceID: b.source, Channel: channel, MessageID: 1},
		Audience: outreach.Audience{Table: "bench_audience", KeyColumn: "audience_id", Key: 1},
	}, nil)
	return err
}

// ledger is the ledger without a platform: planned, claimed, written down, settled.
func (b *outreachBench) ledger(ctx context.Context) error {
	ch := newNull("instant", b.Messages)
	s := b.service(ch)
	planned, err := b.line("ledger: plan an audience", b.Messages, b.ServerPID, func() error { return b.plan(ctx, s, "instant") })
	if err != nil {
		return err
	}
	sent, err := b.line("ledger: claim, write down and settle", b.Messages, b.ServerPID, func() error { return b.run(ctx, s, ch) })
	b.alone = planned + sent
	fmt.Fprintf(b.out, "ledger alone: %.2f CPU seconds per 100k deliveries\n", b.alone)
	return err
}

// run has a sender run until the channel has got all it waits for, and settles them.
func (b *outreachBench) run(ctx context.Context, s *outreach.Service, ch *null) error {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	defer func() { stop(); running.Wait() }()
	select {
	case <-ch.done:
		stop()
		running.Wait() // the last outcomes are written, so they are part of the measurement
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sender is everything: short texts over HTTP.
func (b *outreachBench) sender(ctx context.Context) error {
	url, pid, stop, err := b.platform(ctx)
	if err != nil {
		return err
	}
	defer stop()
	ch := newNull("http", b.Messages)
	ch.url = url
	s := b.service(ch)
	planned, err := b.line("sender: plan an audience", b.Messages, b.ServerPID, func() error { return b.plan(ctx, s, "http") })
	if err != nil {
		return err
	}
	platform := processCPU(pid)
	sent, err := b.line("sender: over HTTP with the ledger", b.Messages, b.ServerPID, func() error { return b.run(ctx, s, ch) })
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "sender in all: %.2f CPU seconds per 100k messages (the platform's own %.2f aside)\n", planned+sent,
		(processCPU(pid)-platform).Seconds()*1e5/float64(b.Messages))
	return nil
}

func (b *outreachBench) platform(ctx context.Context) (string, int, func(), error) {
	if b.Platform != nil {
		return b.Platform(ctx)
	}
	url, stop, err := NullPlatform(ctx, "127.0.0.1:0")
	return url, 0, stop, err
}

// pickUp is how long a message waits that is planned while the sender is idle.
func (b *outreachBench) pickUp(ctx context.Context) error {
	const times = 20
	ch := newNull("pickup", times)
	s := b.service(ch)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	defer func() { stop(); running.Wait() }()
	var longest time.Duration
	for i := range times {
		began := time.Now()
		err := model.InTx(ctx, b.db, func(tx *gorm.DB) error {
			_, err := s.PlanTx(tx, []outreach.Intent{{Source: outreach.SourceSystem, CustomerID: int64(i + 1), Occurrence: "pickup", Channel: "pickup"}})
			return err
		})
		if err != nil {
			return err
		}
		for ch.got.Load() == int64(i) {
			time.Sleep(time.Millisecond)
		}
		longest = max(longest, time.Since(began))
	}
	fmt.Fprintf(b.out, "pick-up, the longest of %d: %v\n", times, longest.Round(time.Millisecond))
	return nil
}

// rate is how exactly two senders together keep a limit.
func (b *outreachBench) rate(ctx context.Context) error {
	const perSecond, seconds = 500, 10
	ch := newNull("limited", b.Messages)
	ch.limits = []outreach.Limit{{Calls: perSecond, Per: time.Second}}
	first := b.service(ch)
	if err := b.plan(ctx, first, "limited"); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	for _, s := range []*outreach.Service{first, b.service(ch)} {
		running.Go(func() { s.Run(ctx) })
	}
	time.Sleep(2 * time.Second) // until both are busy
	began, before := time.Now(), ch.got.Load()
	time.Sleep(min(seconds*time.Second, time.Duration(b.Messages/perSecond)*time.Second/2))
	got, took := ch.got.Load()-before, time.Since(began)
	stop()
	running.Wait()
	fmt.Fprintf(b.out, "a limit of %d calls a second, two senders: %.1f a second, %+.1f %%\n", perSecond, float64(got)/took.Seconds(),
		(float64(got)/took.Seconds()/perSecond-1)*100)
	return nil
}

// null is a channel to a platform that takes everything.
type null struct {
	name   string
	want   int64
	url    string // empty: it answers itself
	limits []outreach.Limit
	client *http.Client
	got    atomic.Int64
	done   chan struct{}
}

func newNull(name string, want int) *null {
	return &null{name: name, want: int64(want), done: make(chan struct{}), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}}
}

// Describe implements outreach.Channel.
func (n *null) Describe() outreach.Description {
	return outreach.Description{Name: n.name, Zh: "空", En: "Null", Batch: 1, Doubt: outreach.DoubtRetry, Limits: n.limits}
}

// Prepare implements outreach.Channel.
func (n *null) Prepare(_ context.Context, claimed []outreach.Delivery) (calls []outreach.Call, refused []outreach.Refusal, err error) {
	calls = make([]outreach.Call, len(claimed))
	for i := range claimed {
		calls[i].Deliveries = claimed[i : i+1 : i+1]
	}
	return calls, nil, nil
}

// Send implements outreach.Channel.
func (n *null) Send(ctx context.Context, c outreach.Call) (out outreach.Outcome, err error) {
	if n.url != "" {
		if err := n.post(ctx, &c.Deliveries[0]); err != nil {
			return out, err
		}
	}
	if n.got.Add(1) == n.want {
		close(n.done)
	}
	out.Fate = outreach.FateAccepted
	return out, nil
}

// Reconcile implements outreach.Channel.
func (n *null) Reconcile(context.Context, outreach.Call) (outreach.Found, error) {
	return outreach.Found{}, errors.New("not asked")
}

func (n *null) post(ctx context.Context, d *outreach.Delivery) error {
	body := `{"to":"` + d.Key() + `","text":"您好，您关注的商品今天有优惠。"}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the platform answered %d", resp.StatusCode)
	}
	return err
}
