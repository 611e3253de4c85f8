package coupon

import (
	"cmp"
	"slices"

	"zhiyin/model"
)

// basis is what a coupon applies to: what is left to pay of the lines it fits, and of the delivery.
type basis struct {
	lines    []piece
	shipping model.Fen
	balance  model.Fen // of stored value
}

// piece is a line, as far as savings go.
type piece struct {
	quantity int64
	left     model.Fen
}

// saving is what a coupon saves: line by line, in the order of the basis, and of the delivery.
type saving struct {
	lines    []model.Fen
	shipping model.Fen
}

func (s saving) total() (sum model.Fen) {
	for _, off := range s.lines {
		sum += off
	}
	return sum + s.shipping
}

func (b basis) sum() (sum model.Fen) {
	for _, l := range b.lines {
		sum += l.left
	}
	return sum
}

// spread takes an amount, or all there is if that is less, off the lines: each its part, and the odd
// fen where the parts were cut most, so that they add up to the amount.
func (b basis) spread(off model.Fen) saving {
	weights := make([]model.Fen, len(b.lines))
	for i, l := range b.lines {
		weights[i] = l.left
	}
	return saving{lines: split(min(off, b.sum()), weights)}
}

// split divides an amount by weights, exactly: the parts add up to it, none is more than its weight as
// long as the amount is not more than theirs, and the same input gives the same parts.
func split(amount model.Fen, weights []model.Fen) []model.Fen {
	parts := make([]model.Fen, len(weights))
	var all, given model.Fen
	for _, w := range weights {
		all += w
	}
	if all == 0 || amount <= 0 {
		return parts
	}
	rests := make([]model.Fen, len(weights))
	order := make([]int, len(weights))
	for i, w := range weights {
		parts[i], rests[i], order[i] = amount*w/all, amount*w%all, i
		given += parts[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rests[b], rests[a]) })
	for _, i := range order[:amount-given] {
		parts[i]++
	}
	return parts
}

// free makes pieces cost nothing, the dearest first.
func (b basis) free(pieces int64) saving {
	s := saving{lines: make([]model.Fen, len(b.lines))}
	for _, i := range b.byPrice() {
		l := b.lines[i]
		n := min(pieces, l.quantity)
		pieces -= n
		s.lines[i] = l.left * model.Fen(n) / model.Fen(l.quantity)
	}
	return s
}

// byPrice is the order of the lines by what a piece costs, the dearest first.
func (b basis) byPrice() []int {
	order := make([]int, len(b.lines))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int {
		p, q := b.lines[x], b.lines[y]
		return cmp.Compare(int64(q.left)*p.quantity, int64(p.left)*q.quantity)
	})
	return order
}

// pay pays with an amount: the lines first, then the delivery.
func (b basis) pay(amount model.Fen) saving {
	s := b.spread(amount)
	s.shipping = min(amount-s.total(), b.shipping)
	return s
}

// everyNth lines all pieces up, the dearest first, in sets of buy+get, and takes a share off the last get
// of every full set.
func (b basis) everyNth(buy, get, offBP int64) saving {
	s := saving{lines: make([]model.Fen, len(b.lines))}
	var all int64
	for _, l := range b.lines {
		all += l.quantity
	}
	set := buy + get
	full := all / set * set
	cheaper := func(n int64) int64 { // among the first n pieces
		n = min(n, full)
		return n/set*get + max(0, n%set-buy)
	}
	var at int64
	for _, i := range b.byPrice() {
		l := b.lines[i]
		n := cheaper(at+l.quantity) - cheaper(at)
		at += l.quantity
		// Two divisions, so that no product leaves 64 bits; each is cut to whole fen for the house.
		s.lines[i] = l.left * model.Fen(n) / model.Fen(l.quantity) * model.Fen(offBP) / 10_000
	}
	return s
}
