package governor

import (
	"testing"
	"time"

	"zhiyin/service/privacy"
)

// BenchmarkRuleTx asks in batches about customers who all have books already.
func BenchmarkRuleTx(b *testing.B) {
	const people, batch = 20_000, 900
	h := newHouse(b, people)
	h.save(Setting{Caps: []Cap{{Window: WindowRolling, Hours: 24 * 7, Most: 5}}, RepeatDays: 3, AheadHours: 24})
	ref := int64(0)
	asks := make([]Ask, 0, batch)
	next := func() []Ask {
		asks = asks[:0]
		for range batch {
			ref++
			asks = append(asks, Ask{Ref: ref, CustomerID: ref%people + 1, Channel: "sms", Topic: "news", Source: "campaign", Purpose: privacy.Marketing, Content: [32]byte{byte(ref / people)}})
		}
		return asks
	}
	for range 3 * people / batch {
		h.rule(next()...)
		h.clock.Advance(time.Minute)
	}
	b.ResetTimer()
	n := 0
	for b.Loop() {
		h.rule(next()...)
		h.clock.Advance(time.Hour)
		n += batch
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/ask")
}

// BenchmarkForecast asks in memory.
func BenchmarkForecast(b *testing.B) {
	h := newHouse(b, 0)
	f, err := h.Governor.Forecast(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	now, ref := noon, int64(0)
	for b.Loop() {
		ref++
		if ref%100_000 == 0 {
			now = now.Add(7 * time.Hour)
		}
		a := Ask{Ref: ref, CustomerID: ref%100_000 + 1, Channel: "sms", Topic: "news", Source: "journey", SourceID: 3, Purpose: privacy.Marketing, Content: [32]byte{byte(ref >> 8), byte(ref)}}
		f.Rule(now, &a)
	}
}
