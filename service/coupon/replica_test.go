package coupon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/fault"
)

// What a replica process is told besides its database.
const (
	envReplica = "ZHIYIN_COUPON_TEST_REPLICA" // a DSN: this process is a replica
	envAt      = "ZHIYIN_COUPON_TEST_AT"      // what time it is there, for good; empty: what it is
	envDies    = "ZHIYIN_COUPON_TEST_DIES"    // before or after a commit of a claim or a use, with everything it writes written
)

// order is one request of a client as it travels to a replica: a line of JSON.
type order struct {
	N        int
	Verb     string
	Key      string
	Batch    int64          `json:",omitempty"`
	Customer int64          `json:",omitempty"`
	Coupons  []int64        `json:",omitempty"`
	Use      int64          `json:",omitempty"`
	Bill     Bill           `json:",omitzero"`
	Lines    []ReturnedLine `json:",omitempty"`
}

// reply is what came of an order. Unsure says that nobody knows: the client has to repeat it.
type reply struct {
	N      int
	ID     int64     `json:",omitempty"`
	Fen    model.Fen `json:",omitempty"`
	Fault  string    `json:",omitempty"`
	Unsure string    `json:",omitempty"`
}

// The verbs of orders that are not acts of the ledger.
const verbSettle = "redeem reserved"

func (h *house) serve(ctx context.Context, o order) reply {
	key := Key{"till", o.Key}
	use := UseInput{Key: key, CustomerID: o.Customer, Coupons: o.Coupons, Bill: o.Bill}
	r := reply{N: o.N}
	var err error
	var u *Use
	var c *model.Coupon
	switch o.Verb {
	case actIssue:
		c, err = h.Issue(ctx, IssueInput{BatchID: o.Batch, CustomerID: o.Customer, Source: SourceClaim, Key: key})
	case actRedeem:
		u, err = h.Redeem(ctx, use)
	case actReserve:
		use.TTL = minTTL
		u, err = h.Reserve(ctx, use)
	case verbSettle:
		u, err = h.RedeemReserved(ctx, Settle{Key: key, UseID: o.Use})
	case actRelease:
		u, err = h.Release(ctx, Settle{Key: key, UseID: o.Use})
	case actRollBack:
		var b *RolledBack
		if b, err = h.RollBack(ctx, RollBackInput{Key: key, UseID: o.Use, Lines: o.Lines}); err == nil {
			u, r.Fen = b.Use, b.OffFen
		}
	case actVoid:
		c, err = h.Void(ctx, Act{Key: key, CouponID: o.Coupons[0]})
	default:
		err = fmt.Errorf("no verb %q", o.Verb)
	}
	switch f := fault.Of(err); {
	case err == nil && c != nil:
		r.ID = c.ID
	case err == nil:
		r.ID = u.ID
	case f == nil, errors.Is(err, ErrInFlight), errors.Is(err, ErrBusy):
		r.Unsure = err.Error()
	default:
		r.Fault = f.Code
	}
	return r
}

// TestReplicaProcess is no test: it is a replica in a process of its own, which takes orders from its input, answers them on its
// output, and does what time brings about.
func TestReplicaProcess(t *testing.T) {
	dsn := os.Getenv(envReplica)
	if dsn == "" {
		t.Skip("only as a process of other tests")
	}
	now := clock.Clock(clock.System)
	if text := os.Getenv(envAt); text != "" {
		at := must(time.Parse(time.RFC3339, text))
		now = func() time.Time { return at }
	}
	h := openBy(t, modeltest.Open(t, dsn), now)
	h.dies(os.Getenv(envDies))
	go func() {
		for range time.Tick(100 * time.Millisecond) {
			_ = h.Tick(context.Background()) // the next one tries again
		}
	}()
	var mu sync.Mutex
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var o order
		if err := json.Unmarshal(in.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		go func() {
			r := h.serve(context.Background(), o)
			mu.Lock()
			defer mu.Unlock()
			fmt.Println("said " + asJSON(r))
		}()
	}
}

// dies has the process end itself, as kill -9 does, at the next commit of a claim or a use.
func (h *house) dies(when string) {
	kill := func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} }
	die := func(tx *gorm.DB) {
		switch when {
		case "before":
			kill()
		case "after":
			model.AfterCommit(tx, kill)
		}
	}
	if when == "" {
		return
	}
	h.claims = model.NewGroupCommit(h.db, commitItems, claimCommits, func(tx *gorm.DB, ins []IssueInput) ([]issued, error) {
		outs, err := h.issueGathered(tx, ins)
		die(tx)
		return outs, err
	})
	h.uses = model.NewGroupCommit(h.db, commitItems, commitsAtOnce, func(tx *gorm.DB, items []useItem) ([]used, error) {
		outs, err := h.useGathered(tx, items)
		die(tx)
		return outs, err
	})
}

// replica is a replica process as its clients see it.
type replica struct {
	cmd  *exec.Cmd
	in   io.Writer
	dead chan struct{} // closed when it is

	mu    sync.Mutex
	asked map[int]chan reply
}

func startReplica(t *testing.T, dsn string, env ...string) *replica {
	t.Helper()
	r := &replica{cmd: exec.Command(os.Args[0], "-test.run=^TestReplicaProcess$", "-test.v", "-test.timeout=30m"), dead: make(chan struct{}), asked: map[int]chan reply{}}
	r.cmd.Env = append(append(os.Environ(), envReplica+"="+dsn), env...)
	var err error
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if text, ok := strings.CutPrefix(lines.Text(), "said "); ok {
				var a reply
				if json.Unmarshal([]byte(text), &a) == nil { // a kill may have cut it off
					r.answer(a)
				}
			}
		}
		_ = r.cmd.Wait() // killed
		close(r.dead)
	}()
	t.Cleanup(r.kill)
	return r
}

func (r *replica) kill() {
	_ = r.cmd.Process.Kill() // perhaps it is dead already
	<-r.dead
}

func (r *replica) answer(a reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if to := r.asked[a.N]; to != nil {
		to <- a
		delete(r.asked, a.N)
	}
}

// do gives what a replica says to an order; not ok: it died before it said anything.
func (r *replica) do(o order) (a reply, ok bool) {
	to := make(chan reply, 1)
	r.mu.Lock()
	r.asked[o.N] = to
	_, err := fmt.Fprintln(r.in, asJSON(o))
	r.mu.Unlock()
	if err != nil {
		return a, false
	}
	select {
	case a = <-to:
		return a, true
	case <-r.dead:
	}
	select { // what was said before
	case a = <-to:
		return a, true
	default:
		return a, false
	}
}
