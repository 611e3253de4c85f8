package coupon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
)

// What a client process is told.
const (
	envDSN  = "ZHIYIN_COUPON_TEST_DSN"
	envPlan = "ZHIYIN_COUPON_TEST_PLAN" // batch, first customer, customers
)

// TestClientProcess is no test: it is a process of its own that claims, one coupon for each of its customers, many
// at once, and says what came of it, line by line.
func TestClientProcess(t *testing.T) {
	dsn := os.Getenv(envDSN)
	if dsn == "" {
		t.Skip("only as a process of other tests")
	}
	var batch, first, n int64
	if _, err := fmt.Sscan(os.Getenv(envPlan), &batch, &first, &n); err != nil {
		t.Fatal(err)
	}
	h := open(t, modeltest.Open(t, dsn), clock.NewFake(noon))
	said := make(chan string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			said <- claimOnce(h, batch, first+i)
		})
	}
	go func() { wg.Wait(); close(said) }()
	for line := range said {
		fmt.Println("said " + line)
	}
}

// claimOnce claims under the one key of a customer, and says: customer, coupon or the fault's name.
func claimOnce(h *house, batch, customer int64) string {
	c, err := h.Issue(context.Background(), IssueInput{
		BatchID: batch, CustomerID: customer, Source: SourceClaim, Key: Key{fmt.Sprint("customer:", customer), fmt.Sprintf("only-key-%d", customer)},
	})
	switch {
	case err == nil:
		return fmt.Sprint(customer, " ", c.ID)
	case errors.Is(err, ErrSoldOut):
		return fmt.Sprint(customer, " sold-out")
	}
	return fmt.Sprint(customer, " ", err)
}

// client starts a process that claims.
func client(t *testing.T, dsn string, batch, first, n int64) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestClientProcess$", "-test.v")
	cmd.Env = append(os.Environ(), envDSN+"="+dsn, envPlan+"="+fmt.Sprint(batch, " ", first, " ", n))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// TestF12_G4_RushOfProcesses: more ask than there are, from 8 processes, each of them a replica with a database pool of
// its own: exactly the stock is issued, nobody has two, and everybody is answered. ZHIYIN_FULL=1 asks 10,000 for 1,000.
func TestF12_G4_RushOfProcesses(t *testing.T) {
	processes, each, stock := int64(8), int64(50), int64(60)
	if os.Getenv("ZHIYIN_FULL") != "" {
		each, stock = 1250, 1000
	}
	if !modeltest.OnMySQL() {
		processes, each, stock = 2, 40, 30 // one writer at a time, whoever asks
	}
	dsn := modeltest.DSN(t)
	h := open(t, modeltest.Open(t, dsn), clock.NewFake(noon))
	b := h.batch(func(in *BatchInput) { in.Stock = stock })
	began := time.Now()
	var mu sync.Mutex
	answers := map[string]string{}
	var wg sync.WaitGroup
	for p := range processes {
		cmd, out := client(t, dsn, b.ID, 1+p*each, each)
		wg.Go(func() {
			for out.Scan() {
				if line, ok := strings.CutPrefix(out.Text(), "said "); ok {
					who, what, _ := strings.Cut(line, " ")
					mu.Lock()
					answers[who] = what
					mu.Unlock()
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	won := 0
	for who, what := range answers {
		if _, err := strconv.Atoi(what); err == nil {
			won++
		} else if what != "sold-out" {
			t.Errorf("customer %s: %s", who, what)
		}
	}
	var people int64
	if err := h.db.Model(&model.Coupon{}).Distinct("customer_id").Count(&people).Error; err != nil {
		t.Fatal(err)
	}
	if int64(len(answers)) != processes*each || int64(won) != stock || people != stock || h.count(b.ID).Issued != stock {
		t.Errorf("%d answers, %d won, %d people have one, %d counted", len(answers), won, people, h.count(b.ID).Issued)
	}
	t.Logf("%d attempts from %d processes in %s", processes*each, processes, time.Since(began).Round(time.Millisecond))
	h.reconciles()
}

// TestF3_KilledInTheMiddleOfClaims: processes are killed at any moment; whoever repeats with their key gets the coupon
// they were told of, and nobody gets two.
func TestF3_KilledInTheMiddleOfClaims(t *testing.T) {
	dsn := modeltest.DSN(t)
	h := open(t, modeltest.Open(t, dsn), clock.NewFake(noon))
	b := h.batch(func(in *BatchInput) { in.Stock = 500 })
	const each = 60
	for round := range int64(3) {
		told := map[int64]string{}
		cmd, out := client(t, dsn, b.ID, 1+round*each, each)
		stopAfter := rand.IntN(each)
		for out.Scan() {
			if line, ok := strings.CutPrefix(out.Text(), "said "); ok {
				who, what, _ := strings.Cut(line, " ")
				id, err := strconv.ParseInt(who, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				if told[id] = what; len(told) > stopAfter {
					break
				}
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		for i := range int64(each) {
			who := 1 + round*each + i
			_, again, _ := strings.Cut(claimOnce(h, b.ID, who), " ")
			if told[who] != "" && told[who] != again {
				t.Errorf("customer %d was told %s, and after the kill %s", who, told[who], again)
			}
		}
	}
	if n := h.count(b.ID).Issued; n != 3*each || modeltest.Count[model.Coupon](t, h.db) != 3*each {
		t.Errorf("%d issued for %d customers", n, 3*each)
	}
	h.reconciles()
}

// TestF3_KilledAroundTheCommit: a process is killed with everything written and nothing committed, and with everything committed and
// nothing answered; the client repeats, and gets the one coupon, and the one use of it.
func TestF3_KilledAroundTheCommit(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		t.Run(when, func(t *testing.T) {
			dsn := modeltest.DSN(t)
			h := open(t, modeltest.Open(t, dsn), clock.NewFake(noon))
			b := h.batch()
			there := map[string]int64{"before": 0, "after": 1}[when]
			die := func(o order, rows func() int64) reply {
				t.Helper()
				r := startReplica(t, dsn, envDies+"="+when, envAt+"="+noon.Format(time.RFC3339))
				if a, ok := r.do(o); ok {
					t.Fatalf("it lives, and says %+v", a)
				}
				if n := rows(); n != there {
					t.Errorf("%s: %d there after the kill, want %d", o.Verb, n, there)
				}
				again := h.serve(t.Context(), o)
				if again.ID == 0 || again != h.serve(t.Context(), o) || rows() != 1 {
					t.Errorf("%s repeated: %+v, %d rows", o.Verb, again, rows())
				}
				return again
			}
			c := die(order{Verb: actIssue, Key: "claim-once", Batch: b.ID, Customer: 7}, func() int64 { return modeltest.Count[model.Coupon](t, h.db) })
			die(order{Verb: actRedeem, Key: "redeem-once", Customer: 7, Coupons: []int64{c.ID}, Bill: bill("A1", 5000)}, func() int64 {
				return modeltest.Count[model.CouponUse](t, h.db)
			})
			if n := modeltest.Count[model.CouponEntry](t, h.db); n != 2 {
				t.Errorf("%d entries, want 2", n)
			}
			h.reconciles()
		})
	}
}

// TestV23_LimitsRacedByProcesses: all ask for all at once, through processes, on two days: the stock, each customer's limit and each customer's
// limit of a day hold, and what there is is given.
func TestV23_LimitsRacedByProcesses(t *testing.T) {
	dsn := modeltest.DSN(t)
	h := open(t, modeltest.Open(t, dsn), clock.NewFake(noon))
	const customers, each = 12, 4
	b := h.batch(func(in *BatchInput) { in.Stock, in.PerCustomer, in.PerDay = 30, 3, 2 })
	// On the first day all get the two of the day, 24; on the second one more each until 30 are gone.
	for day, want := range []int64{24, 30} {
		at := noon.AddDate(0, 0, day).Format(time.RFC3339)
		replicas := []*replica{startReplica(t, dsn, envAt+"="+at), startReplica(t, dsn, envAt+"="+at), startReplica(t, dsn, envAt+"="+at)}
		var wg sync.WaitGroup
		for i := range customers * each {
			wg.Go(func() {
				a, ok := replicas[i%len(replicas)].do(order{N: i, Verb: actIssue, Key: fmt.Sprintf("claim-%d-%d", day, i), Batch: b.ID, Customer: int64(1 + i/each)})
				if !ok || a.Unsure != "" || a.Fault != "" && a.Fault != ErrLimit.Code && a.Fault != ErrDayLimit.Code && a.Fault != ErrSoldOut.Code {
					t.Errorf("%v %+v", ok, a)
				}
			})
		}
		wg.Wait()
		for _, r := range replicas {
			r.kill()
		}
		if n := h.count(b.ID).Issued; n != want || modeltest.Count[model.Coupon](t, h.db) != want {
			t.Errorf("day %d: %d issued, want %d", day+1, n, want)
		}
	}
	checkHistory(t, h) // which holds each customer's limits, too
	h.reconciles()
}

// TestF3_RefusedForItsOwnWork: a client repeats what a replica that died has still under way in the database. The second finds the first's work done where it
// looked for the key before the first's commit, and is answered as the first would have been.
func TestF3_RefusedForItsOwnWork(t *testing.T) {
	if !modeltest.OnMySQL() {
		t.Skip("one writer at a time: the second does not begin before the first has ended")
	}
	dsn := modeltest.DSN(t)
	h, other := open(t, modeltest.Open(t, dsn), clock.NewFake(noon)), open(t, modeltest.Open(t, dsn), clock.NewFake(noon))
	b := h.batch()
	// late runs the steps of a group, and the first request to its end after the first of them.
	late := func(steps []func() error, first func()) {
		t.Helper()
		for i, step := range steps {
			if err := step(); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first()
			}
		}
	}
	var c *model.Coupon
	in := IssueInput{BatchID: b.ID, CustomerID: 7, Source: SourceClaim, Key: h.key("customer:7")}
	err := model.InTx(t.Context(), other.db, func(tx *gorm.DB) error {
		g := other.newIssuing(tx, []IssueInput{in})
		late(g.steps(), func() { c = must(h.Issue(t.Context(), in)) })
		if out := g.all[0].out; out.err != nil || out.coupon.ID != c.ID {
			t.Errorf("the claim: %+v", out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var u *Use
	redeem := UseInput{Key: h.key("key:1"), CustomerID: 7, Coupons: []int64{c.ID}, Bill: bill("A1", 5000)}
	err = model.InTx(t.Context(), other.db, func(tx *gorm.DB) error {
		g := other.newUsing(tx, []useItem{{verb: actRedeem, in: redeem}})
		late(g.steps(), func() { u = must(h.Redeem(t.Context(), redeem)) })
		if out := g.all[0].out; out.err != nil || out.id != u.ID {
			t.Errorf("the redemption: %+v", out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	back := RollBackInput{Key: h.key("key:1"), UseID: u.ID}
	var once sync.Once
	before := func(tx *gorm.DB) { // the other has looked for the key, and is about to lock the use
		if tx.Statement.Table == "coupon_use" {
			once.Do(func() { must(h.RollBack(t.Context(), back)) })
		}
	}
	if err := other.db.Callback().Query().Before("gorm:query").Register("late", before); err != nil {
		t.Fatal(err)
	}
	if r, err := other.RollBack(t.Context(), back); err != nil || r.OffFen != 1000 {
		t.Errorf("the refund: %+v, %v", r, err)
	}
	if n := modeltest.Count[model.CouponEntry](t, h.db); n != 3 {
		t.Errorf("%d entries, want 3", n)
	}
	h.reconciles()
}
