package seed

// writeLifecycles gives everybody a stage that follows from what was bought and when.
func (w *world) writeLifecycles(s *sheet, d *dice) {
	id := int64(0)
	w.each(s, func(i int) {
		p := w.person(d, i)
		if p.mergedInto != 0 {
			return
		}
		t := sum(w.orders(d, i))
		stage, since := w.stage(p, t)
		id++
		s.int(id, int64(i))
		s.text(stage)
		s.time(since)
		s.int(1) // this is their first stage
		recency, frequency, monetary := w.scores(t)
		score := (recency + frequency + monetary) * 60
		s.int(recency, frequency, monetary, score)
		s.text(grade(score))
		s.int(0)
		s.text("low")
		alive, expected := int64(-1), int64(-1)
		if t.orders > 0 {
			alive = 10_000 * recency / 6
			expected = t.paid / t.orders * alive / 10_000
		}
		s.int(alive, expected)
		s.time(w.until)
		s.end()
	})
}

func (w *world) stage(p person, t trade) (string, int64) {
	quiet := (w.until - t.last) / day
	switch {
	case t.orders == 0:
		return "new", p.firstSeen
	case quiet > 365:
		return "lost", t.last + 365*day
	case quiet > 180:
		return "at_risk", t.last + 180*day
	case t.orders >= 8:
		return "loyal", t.last
	case t.orders >= 3:
		return "active", t.last
	}
	return "growing", t.last
}

func (w *world) scores(t trade) (recency, frequency, monetary int64) {
	if t.orders == 0 {
		return 0, 0, 0
	}
	quiet := (w.until - t.last) / day
	return 5 - above(quiet, 30, 90, 180, 365), 1 + above(t.orders, 1, 2, 4, 8), 1 + above(t.paid, 5_000, 20_000, 50_000, 150_000)
}

// above counts the limits that a value exceeds.
func above(v int64, limits ...int64) (n int64) {
	for _, l := range limits {
		if v > l {
			n++
		}
	}
	return n
}

func grade(score int64) string {
	return []string{"D", "C", "B", "A", "S"}[above(score, 0, 300, 540, 780)]
}
