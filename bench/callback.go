package bench

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"zhiyin/api/callback"
	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/service/clock"
	"zhiyin/service/intake"
	"zhiyin/service/intake/document"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// CallbackOptions says what [Callback] measures; zero values mean what is said at each.
type CallbackOptions struct {
	DSN         string        // of an empty database, which is migrated; its inbox is emptied again and again
	Duration    time.Duration // of each setting in each round: 0: 4 s
	Rounds      int           // 0: 5
	Connections int           // 0: 64
	ServerPID   int           // of the database server, to count its CPU time too; 0: unknown
	// Loader is the command that runs [Load]; nil is this program with "bench load". The generator is
	// a process of its own so that its CPU time is not counted.
	Loader []string
}

// setting is one way to store what arrives.
type setting struct {
	name  string
	inbox callback.Inbox
	seen  []figures // by round
}

// figures is what one setting did in one round.
type figures struct {
	perSecond      float64
	p50, p99       time.Duration
	goCPU, dataCPU time.Duration // per request: of this process and of the database server
}

func (f figures) cpu() time.Duration { return f.goCPU + f.dataCPU }

// Callback measures the callback handler with real encrypted bodies, each of them another message: without
// a database, with the durable inbox, and with one GORM insert per request; round by round in turn,
// so that whatever else the machine does meets all of them. Beside them, in the same run, it writes
// as many rows by bare multi-row INSERTs.
func Callback(ctx context.Context, o CallbackOptions, out io.Writer) error {
	o = o.withDefaults()
	db, err := model.Open(ctx, model.Options{DSN: o.DSN, StatementTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer model.Close(db)
	if _, err := model.Migrate(ctx, db); err != nil {
		return err
	}
	naive, err := openNaive(ctx, o)
	if err != nil {
		return err
	}
	defer model.Close(naive)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	durable := intake.New(intake.Deps{DB: db, Queue: work.New(db, clock.System), Now: clock.System, Logger: quiet})
	settings := []*setting{{name: "a no database", inbox: noStore{}}, {name: "b durable inbox", inbox: durable}, {name: "c one GORM insert each", inbox: naiveStore{naive}}}
	limit := &setting{name: "limit: bare INSERTs"}
	for round := range o.Rounds {
		for i := range settings {
			s := settings[(i+round)%len(settings)]
			f, err := o.measure(ctx, db, s)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			s.seen = append(s.seen, f)
			fmt.Fprintf(out, "round %d  %-24s %8.0f/s  p50 %6s  p99 %6s  CPU %s\n", round+1, s.name, f.perSecond, ms(f.p50), ms(f.p99), f.cpu().Round(time.Microsecond))
		}
		f, err := o.bareInserts(ctx, db)
		if err != nil {
			return err
		}
		limit.seen = append(limit.seen, f)
	}
	o.report(out, settings, limit)
	return nil
}

func (o CallbackOptions) withDefaults() CallbackOptions {
	o.Duration = cmp.Or(o.Duration, 4*time.Second)
	o.Rounds = cmp.Or(o.Rounds, 5)
	o.Connections = cmp.Or(o.Connections, 64)
	if o.Loader == nil {
		self, err := os.Executable()
		if err != nil {
			self = os.Args[0]
		}
		o.Loader = []string{self, "bench", "load"}
	}
	return o
}

// benchAccount has keys that exist only while this process runs.
type benchAccount struct {
	row  model.Account
	keys []account.KeySet
}

func newBenchAccount() benchAccount {
	aesKey := strings.TrimRight(base64.StdEncoding.EncodeToString([]byte((rand.Text() + rand.Text())[:32])), "=")
	return benchAccount{
		row:  model.Account{ID: 1, Kind: account.KindWeCom, Name: "bench", PlatformID: "wwbench00000000001"},
		keys: []account.KeySet{{Token: wecom.Secret(rand.Text()), AESKey: wecom.Secret(aesKey)}},
	}
}

// CallbackKeys implements callback.Accounts.
func (a benchAccount) CallbackKeys(context.Context, string) ([]account.KeySet, *model.Account, error) {
	return a.keys, &a.row, nil
}

// noStore reads and hashes a message as the inbox does, and keeps nothing.
type noStore struct{}

// Receive implements callback.Inbox.
func (noStore) Receive(_ context.Context, _ *model.Account, message []byte, _ intake.Meta) error {
	_ = sha256.Sum256(message)
	return document.Read(message, document.Message, func(_, _ []byte) {})
}

// measure serves one setting to the load generator for one round.
func (o CallbackOptions) measure(ctx context.Context, db *gorm.DB, s *setting) (figures, error) {
	if err := emptyInbox(ctx, db); err != nil {
		return figures{}, err
	}
	acct := newBenchAccount()
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	callback.New(callback.Deps{Accounts: acct, Inbox: s.inbox, Deadline: 30 * time.Second}).Mount(engine)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return figures{}, err
	}
	server := &http.Server{Handler: engine, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()

	var before, after used
	result, err := o.load(ctx, loadJob{
		Address: listener.Addr().String(), Path: "/callback/wecom/bench", Connections: o.Connections, Duration: o.Duration,
		Token: acct.keys[0].Token.Reveal(), AESKey: acct.keys[0].AESKey.Reveal(), Receiver: acct.row.PlatformID,
	}, func() { before = o.used() })
	if err != nil {
		return figures{}, err
	}
	after = o.used()
	if result.Failed > 0 || result.Done == 0 {
		return figures{}, fmt.Errorf("%d of %d requests were not acknowledged", result.Failed, result.Failed+result.Done)
	}
	if _, none := s.inbox.(noStore); !none {
		if err := holdsAll(ctx, db, result.Done); err != nil {
			return figures{}, err
		}
	}
	n := time.Duration(result.Done)
	return figures{
		perSecond: float64(result.Done) / result.Took.Seconds(), p50: result.P50, p99: result.P99,
		goCPU: (after.own - before.own) / n, dataCPU: (after.server - before.server) / n,
	}, nil
}

// used is CPU time until now.
type used struct{ own, server time.Duration }

func (o CallbackOptions) used() used { return used{ownCPU(), processCPU(o.ServerPID)} }

// bareInserts writes rows like those of the inbox, as many in one statement as fit well, and nothing else.
func (o CallbackOptions) bareInserts(ctx context.Context, db *gorm.DB) (figures, error) {
	if err := emptyInbox(ctx, db); err != nil {
		return figures{}, err
	}
	const perStatement = 128
	body := bytes.Repeat([]byte("x"), len(messageOf(0, 0)))
	began, before, n := time.Now(), o.used(), 0
	for time.Since(began) < o.Duration/2 {
		if err := insertBare(ctx, db, perStatement, body); err != nil {
			return figures{}, err
		}
		n += perStatement
	}
	took, after := time.Since(began), o.used()
	return figures{
		perSecond: float64(n) / took.Seconds(), goCPU: (after.own - before.own) / time.Duration(n), dataCPU: (after.server - before.server) / time.Duration(n),
	}, nil
}

// report gives the medians, and what they are to each other.
func (o CallbackOptions) report(out io.Writer, settings []*setting, limit *setting) {
	fmt.Fprintf(out, "\nmedians of %d rounds of %s, %d connections; CPU per request, without the load generator's\n", o.Rounds, o.Duration, o.Connections)
	if o.ServerPID == 0 {
		fmt.Fprintln(out, "the database server's CPU time is not counted: it runs inside this process, or its process is not known")
	}
	fmt.Fprintf(out, "%-26s %10s %9s %9s %11s %11s %11s\n", "", "requests/s", "p50", "p99", "CPU", "of it ours", "database's")
	var m []figures
	for _, s := range append(slices.Clone(settings), limit) {
		f := medians(s.seen)
		m = append(m, f)
		fmt.Fprintf(out, "%-26s %10.0f %9s %9s %11s %11s %11s\n", s.name, f.perSecond, ms(f.p50), ms(f.p99),
			f.cpu().Round(time.Microsecond), f.goCPU.Round(time.Microsecond), f.dataCPU.Round(time.Microsecond))
	}
	a, b, c, l := m[0], m[1], m[2], m[3]
	ratio := func(x, y time.Duration) float64 { return float64(x) / float64(max(y, 1)) }
	fmt.Fprintf(out, "\nCPU b/a %.2f   CPU c/b %.2f   rate b/c %.2f   rate b/limit %.2f   CPU b/limit %.2f\n",
		ratio(b.cpu(), a.cpu()), ratio(c.cpu(), b.cpu()), b.perSecond/c.perSecond, b.perSecond/l.perSecond, ratio(b.cpu(), l.cpu()))
}

// medians takes each figure's own median.
func medians(all []figures) figures {
	mid := func(get func(figures) float64) float64 {
		var v []float64
		for _, f := range all {
			v = append(v, get(f))
		}
		slices.Sort(v)
		return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
	}
	span := func(get func(figures) time.Duration) time.Duration {
		return time.Duration(mid(func(f figures) float64 { return float64(get(f)) }))
	}
	return figures{
		perSecond: mid(func(f figures) float64 { return f.perSecond }),
		p50:       span(func(f figures) time.Duration { return f.p50 }), p99: span(func(f figures) time.Duration { return f.p99 }),
		goCPU: span(func(f figures) time.Duration { return f.goCPU }), dataCPU: span(func(f figures) time.Duration { return f.dataCPU }),
	}
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
