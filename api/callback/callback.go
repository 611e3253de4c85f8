// Package callback is the face that the platform pushes to: WeCom apps and mini-programs. It checks,
// decrypts, stores and answers; what a message means is nobody's business here. A message is
// acknowledged only after it is committed, and whatever is wrong with one that was not signed with
// the account's keys, the sender learns nothing: 403 and an empty body.
package callback

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/service/clock"
	"zhiyin/service/intake"
)

// Accounts finds the keys that callbacks to an account may be signed with, by its short name.
type Accounts interface {
	CallbackKeys(ctx context.Context, name string) ([]account.KeySet, *model.Account, error)
}

// Inbox stores a message and returns after the commit; the same message again is a success.
type Inbox interface {
	Receive(ctx context.Context, acct *model.Account, message []byte, m intake.Meta) error
}

// Deps is what the face is made of. Zero values mean the defaults.
type Deps struct {
	Accounts Accounts
	Inbox    Inbox
	Now      clock.Clock
	// MaxAge is how old a signed message may be without being marked stale; default 10 min.
	MaxAge time.Duration
	// MaxBody is the largest body in bytes; default 64 KiB.
	MaxBody int
	// Deadline is when a message that is not stored is given up with 503; default 3 s.
	Deadline time.Duration
	// IPs is whom WeCom's pushes are believed to come from; nil believes everybody.
	IPs     *IPs
	Logger  *slog.Logger
	Metrics prometheus.Registerer // nil: none
}

// Face is the callback face. Safe for concurrent use.
type Face struct {
	accounts Accounts
	inbox    Inbox
	now      clock.Clock
	maxAge   time.Duration
	maxBody  int
	deadline time.Duration
	ips      *IPs
	log      *warnings
	metrics  *metrics
	keys     keyring
}

// New makes the face. Mount it on a router.
func New(d Deps) *Face {
	f := &Face{
		accounts: d.Accounts, inbox: d.Inbox, now: d.Now,
		maxAge: d.MaxAge, maxBody: d.MaxBody, deadline: d.Deadline,
		ips: d.IPs, log: newWarnings(d.Logger), metrics: newMetrics(d.Metrics),
	}
	if f.now == nil {
		f.now = clock.System
	}
	if f.maxAge == 0 {
		f.maxAge = 10 * time.Minute
	}
	if f.maxBody == 0 {
		f.maxBody = 64 << 10
	}
	if f.deadline == 0 {
		f.deadline = 3 * time.Second
	}
	return f
}

// Mount adds the routes: GET is the platform's check of the address, POST a push, any other method
// is answered 405.
func (f *Face) Mount(r gin.IRouter) {
	for _, door := range []*door{f.wecom(), f.miniApp()} {
		r.Any("/callback/"+door.name+"/:account", func(c *gin.Context) { f.serve(c, door) })
	}
}

// door is one kind of account's way in.
type door struct {
	name string // also the account's kind
	// check answers the platform's check of the address.
	check func(ctx context.Context, acct *opened, q *query) answer
	// admit refuses a push by its query alone; nil admits all.
	admit func(q *query) bool
	// thanks is the body that acknowledges a push.
	thanks  string
	checkIP bool
}

// answer is what goes back, and its name in metrics and logs.
type answer struct {
	outcome string
	status  int
	body    string
}

var (
	malformed   = answer{outcome: "malformed", status: http.StatusBadRequest}
	refused     = answer{outcome: "refused", status: http.StatusForbidden}
	tooLarge    = answer{outcome: "too_large", status: http.StatusRequestEntityTooLarge}
	unavailable = answer{outcome: "unavailable", status: http.StatusServiceUnavailable}
	wrongMethod = answer{outcome: "method", status: http.StatusMethodNotAllowed}
)

func (f *Face) serve(c *gin.Context, d *door) {
	began := time.Now()
	a := f.answer(c, d)
	h := c.Writer.Header()
	switch a.status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "1")
	case http.StatusMethodNotAllowed:
		h.Set("Allow", "GET, POST")
	}
	if a.body != "" {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("X-Content-Type-Options", "nosniff")
	}
	c.Status(a.status)
	c.Writer.WriteHeaderNow()
	_, _ = c.Writer.WriteString(a.body)
	f.metrics.observe(d.name, a.outcome, time.Since(began))
}

func (f *Face) answer(c *gin.Context, d *door) answer {
	push := c.Request.Method == http.MethodPost
	if !push && c.Request.Method != http.MethodGet {
		return wrongMethod
	}
	if d.checkIP && !f.ips.allows(c, f.log) {
		return refused
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), f.deadline)
	defer cancel()
	q, ok := readQuery(c.Request.URL.RawQuery)
	if !ok {
		return malformed
	}
	if push {
		return f.push(ctx, c, d, q)
	}
	acct, err := f.open(ctx, d.name, c.Param("account"))
	if err != nil {
		return f.trouble(ctx, err)
	}
	if _, fresh := f.age(q.timestamp); !fresh {
		return refused
	}
	return d.check(ctx, acct, q)
}

// push reads, checks, decrypts and stores one message.
func (f *Face) push(ctx context.Context, c *gin.Context, d *door, q *query) answer {
	if d.admit != nil && !d.admit(q) {
		return refused
	}
	body, ok := readBody(c.Request, f.maxBody)
	if !ok {
		return tooLarge
	}
	sealed, ok := readEnvelope(body)
	if !ok {
		return malformed
	}
	acct, err := f.open(ctx, d.name, c.Param("account"))
	if err != nil {
		return f.trouble(ctx, err)
	}
	message, ok := acct.decrypt(q, sealed)
	if !ok {
		return refused
	}
	known, fresh := f.age(q.timestamp)
	if !known {
		return refused
	}
	err = f.inbox.Receive(ctx, acct.row, message, intake.Meta{ReceivedAt: f.now(), Stale: !fresh})
	switch {
	case err != nil:
		return f.trouble(ctx, err)
	case !fresh:
		return answer{"stale", http.StatusOK, d.thanks}
	}
	return answer{"stored", http.StatusOK, d.thanks}
}

// trouble is ours, so the platform shall try again.
func (f *Face) trouble(ctx context.Context, err error) answer {
	f.log.warn(ctx, "callback not stored; the platform will send it again", "error", err)
	return unavailable
}
