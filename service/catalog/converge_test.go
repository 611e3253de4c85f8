package catalog

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// message is one thing that a shop tells.
type message struct {
	order  *OrderInput
	refund *RefundInput
}

// story makes up what a shop tells of a few orders: versions of orders and refunds, each version once or twice.
func story(rnd *rand.Rand) (list []message) {
	for o := range 3 {
		number := fmt.Sprint("N", o)
		for range 1 + rnd.IntN(4) {
			list = append(list, message{order: anyOrder(rnd, number)})
		}
		for f := range rnd.IntN(4) {
			for range 1 + rnd.IntN(3) {
				in := refund(fmt.Sprint("R", o, "-", f), number, 100+rnd.IntN(400), model.Fen(1+rnd.IntN(400)))
				in.Line = rnd.IntN(3)
				if rnd.IntN(3) == 0 {
					in.Status, in.RefundedAt = RefundRequested, nil
				}
				list = append(list, message{refund: &in})
			}
		}
	}
	return append(list, list[:len(list)/3]...)
}

func anyOrder(rnd *rand.Rand, number string) *OrderInput {
	v := 100 + rnd.IntN(800)
	in := paid(number, v, model.Fen(100+rnd.IntN(1000)))
	in.Buyer.Value = []string{"u1", "u2", "u3"}[rnd.IntN(3)]
	in.Lines = append(in.Lines, LineInput{Line: 2, Product: "B", Quantity: 1})
	in.Lines[0].PaidFen, in.Lines[1].PaidFen = in.PaidFen/3, in.PaidFen/2
	switch rnd.IntN(4) {
	case 0:
		in.Status, in.PaidAt, in.PaidFen = StatusPlaced, nil, 0
	case 1:
		in.Status = StatusCancelled
	}
	return &in
}

// settled makes versions unique: two contents under one version are a mistake of the sender, whose
// outcome is whichever came first.
func settled(list []message) []message {
	seen := map[string]message{}
	var out []message
	for _, m := range list {
		var key string
		if m.order != nil {
			key = fmt.Sprint(m.order.Number, m.order.Version)
		} else {
			key = fmt.Sprint(m.refund.Number, m.refund.Version)
		}
		if first, ok := seen[key]; ok {
			m = first
		}
		seen[key] = m
		out = append(out, m)
	}
	return out
}

func (r *rig) tell(m message) error {
	if m.order != nil {
		_, err := r.UpsertOrders(r.t.Context(), []OrderInput{*m.order})
		return err
	}
	_, err := r.UpsertRefunds(r.t.Context(), []RefundInput{*m.refund})
	return err
}

// picture is all that orders, lines, refunds and totals say, without ids and times of writing.
func (r *rig) picture() string {
	r.t.Helper()
	r.checkTotals()
	return r.lines("SELECT number, customer_id, status, paid_fen, refunded_fen, version FROM customer_order ORDER BY number") +
		r.lines("SELECT o.number, l.line, l.customer_id, l.paid_fen, l.refunded_fen, l.paid_at IS NULL FROM order_line l JOIN customer_order o ON o.id = l.order_id ORDER BY o.number, l.line") +
		r.lines("SELECT number, order_number, customer_id, line, status, amount_fen, version FROM refund ORDER BY number") +
		r.lines("SELECT customer_id, orders, paid_fen, refunded_fen FROM customer_trade WHERE orders > 0 ORDER BY customer_id")
}

func (r *rig) lines(query string) (out string) {
	r.t.Helper()
	rows, err := r.db.Raw(query).Rows()
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		r.t.Fatal(err)
	}
	for rows.Next() {
		row, into := make([]string, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			r.t.Fatal(err)
		}
		out += fmt.Sprintln(row)
	}
	return out
}

func (r *rig) wipe() {
	r.t.Helper()
	for _, table := range []string{"customer_order", "order_line", "refund", "customer_trade", "event", "work", "identity", "customer"} {
		if err := r.db.Exec("DELETE FROM " + table).Error; err != nil {
			r.t.Fatal(err)
		}
	}
	r.person(1, "unionid", "u1")
	r.person(2, "unionid", "u2") // and u3 is nobody
}

// TestEverySequenceConverges tells the same stories in random orders, one message after another and
// side by side: the rows end up the same, and totals are what a rebuild gives.
func TestEverySequenceConverges(t *testing.T) {
	r := newRig(t)
	stories := 4
	if testing.Short() {
		stories = 3
	}
	for n := range stories {
		rnd := rand.New(rand.NewPCG(uint64(n), 3))
		list := settled(story(rnd))
		var want string
		for try := range 4 {
			r.wipe()
			rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			if try < 3 {
				for _, m := range list {
					if err := r.tell(m); err != nil {
						t.Fatal(err)
					}
				}
			} else {
				r.tellAtOnce(list)
			}
			got := r.picture()
			if want == "" {
				want = got
			}
			if got != want {
				t.Fatalf("story %d, try %d: got\n%s\nwant\n%s", n, try, got, want)
			}
		}
	}
	if modeltest.Count[model.CustomerTrade](t, r.db) == 0 {
		t.Error("nobody bought anything")
	}
}

func (r *rig) tellAtOnce(list []message) {
	var wg sync.WaitGroup
	const hands = 6
	for h := range hands {
		wg.Go(func() {
			for i := h; i < len(list); i += hands {
				if err := r.tell(list[i]); err != nil {
					r.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
