package work

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics is what operators see of the queue from outside. A nil *Metrics counts nothing.
type Metrics struct {
	claims  *prometheus.CounterVec
	ends    *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	refused *prometheus.CounterVec
	hangs   *prometheus.CounterVec
	depth   *prometheus.GaugeVec
	oldest  *prometheus.GaugeVec
	strange *prometheus.GaugeVec
	all     []prometheus.Collector
}

// NewMetrics makes and registers the metrics; it fails when r has metrics of these names already.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "zhiyin_work_" + name, Help: help}, labels)
		m.all = append(m.all, c)
		return c
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "zhiyin_work_" + name, Help: help}, labels)
		m.all = append(m.all, g)
		return g
	}
	m.claims = counter("claimed_total", "Works claimed.", "kind")
	m.ends = counter("finished_total", "Attempts by outcome: done, failed (and tried again), snoozed, released, cancelled, dead.", "kind", "outcome")
	m.refused = counter("stale_fence_total", "Ends of works that were refused because another worker had the work by then.", "kind")
	m.hangs = counter("stalled_calls_total", "Calls to the database that neither returned nor failed in time.", "call")
	m.depth = gauge("depth", "Works that are ready, leased or dead, sampled.", "kind", "state")
	m.oldest = gauge("oldest_seconds", "For how long the oldest ready work could have been started, sampled.", "kind")
	m.strange = gauge("unhandled", "Ready works of kinds that this process has no handler for, sampled.", "kind")
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "zhiyin_work_seconds", Help: "Time from claim to end of an attempt.",
		Buckets: []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
	}, []string{"kind"})
	m.all = append(m.all, m.seconds)
	for _, c := range m.all {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Metrics) claimed(kind string) {
	if m != nil {
		m.claims.WithLabelValues(kind).Inc()
	}
}

func (m *Metrics) finished(kind, outcome string, took time.Duration) {
	if m != nil {
		m.ends.WithLabelValues(kind, outcome).Inc()
		m.seconds.WithLabelValues(kind).Observe(took.Seconds())
	}
}

func (m *Metrics) stale(kind string) {
	if m != nil {
		m.refused.WithLabelValues(kind).Inc()
	}
}

func (m *Metrics) stalled(call string) {
	if m != nil {
		m.hangs.WithLabelValues(call).Inc()
	}
}

// sampled replaces the gauges by what the statistics say.
func (m *Metrics) sampled(stats []Stat) {
	m.depth.Reset()
	m.oldest.Reset()
	m.strange.Reset()
	for _, s := range stats {
		m.depth.WithLabelValues(s.Kind, s.State).Set(float64(s.Count))
		if s.State != ready {
			continue
		}
		m.oldest.WithLabelValues(s.Kind).Set(s.Waiting.Seconds())
		if !s.Handled {
			m.strange.WithLabelValues(s.Kind).Set(float64(s.Count))
		}
	}
}
