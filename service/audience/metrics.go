package audience

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"zhiyin/service/segment"
)

type metrics struct {
	answers *prometheus.CounterVec
	took    *prometheus.HistogramVec
	reread  prometheus.Counter
}

func newMetrics(r prometheus.Registerer, x *Index) *metrics {
	m := &metrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zhiyin_audience_answers_total", Help: "Rules asked of the audience index by what answered: index, both, sql.",
		}, []string{"by"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "zhiyin_audience_answer_seconds", Help: "Time to answer a rule, where the index did.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1},
		}, []string{"by"}),
		reread: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "zhiyin_audience_reread_total", Help: "Customers read again after an event.",
		}),
	}
	if r == nil {
		return m
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	r.MustRegister(m.answers, m.took, m.reread,
		gauge("zhiyin_audience_customers", "Customers in the audience index.", func() float64 { n, _ := x.Size(); return float64(n) }),
		gauge("zhiyin_audience_bytes", "Memory of the audience index.", func() float64 { _, n := x.Size(); return float64(n) }),
		gauge("zhiyin_audience_stale_seconds", "segment.By far the index is behind the event log; -1 before it is built.", func() float64 {
			if !x.built.Load() {
				return -1
			}
			return x.Staleness().Seconds()
		}))
	return m
}

func (m *metrics) answered(by segment.By, took time.Duration) {
	m.answers.WithLabelValues(string(by)).Inc()
	if by != segment.BySQL {
		m.took.WithLabelValues(string(by)).Observe(took.Seconds())
	}
}
