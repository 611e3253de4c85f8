package outreach

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics is what operators see of the sender from outside. A nil *metrics counts nothing.
type metrics struct {
	settledTotal *prometheus.CounterVec
	calls        *prometheus.CounterVec
	seconds      *prometheus.HistogramVec
	throttles    *prometheus.CounterVec
	stales       *prometheus.CounterVec
	recoveries   *prometheus.CounterVec
	doubts       *prometheus.CounterVec
	chunks       prometheus.Gauge
}

// newMetrics makes and registers the metrics; they are made once per registry.
func newMetrics(r prometheus.Registerer) *metrics {
	if r == nil {
		return nil
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "zhiyin_outreach_" + name, Help: help}, labels)
		r.MustRegister(c)
		return c
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "zhiyin_outreach_" + name, Help: help})
		r.MustRegister(g)
		return g
	}
	m := &metrics{
		settledTotal: counter("settled_total", "Deliveries by what their call came to.", "channel", "state"),
		calls:        counter("calls_total", "Platform calls by whether their outcome is known.", "channel", "outcome"),
		throttles:    counter("throttled_total", "Calls that the platform found too many.", "channel"),
		stales:       counter("stale_fence_total", "Writes that were refused because another process had taken the claim over.", "channel"),
		recoveries:   counter("recovered_total", "Deliveries taken over from processes that are no more.", "channel"),
		doubts:       counter("reconciled_total", "Deliveries in doubt that were asked about, by whether it is known now.", "channel", "known"),
		chunks:       gauge("chunks", "Claims in hand."),
	}
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "zhiyin_outreach_call_seconds", Help: "Time of a platform call.", Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"channel"})
	r.MustRegister(m.seconds)
	return m
}

func (m *metrics) called(channel string, took time.Duration, err error) {
	if m == nil {
		return
	}
	outcome := "known"
	if err != nil {
		outcome = "unknown"
	}
	m.calls.WithLabelValues(channel, outcome).Inc()
	m.seconds.WithLabelValues(channel).Observe(took.Seconds())
}

func (m *metrics) settled(channel string, to State, n int) {
	if m != nil {
		m.settledTotal.WithLabelValues(channel, to.String()).Add(float64(n))
	}
}

func (m *metrics) throttled(channel string) {
	if m != nil {
		m.throttles.WithLabelValues(channel).Inc()
	}
}

func (m *metrics) stale(channel string) {
	if m != nil {
		m.stales.WithLabelValues(channel).Inc()
	}
}

func (m *metrics) recovered(channel string, n int) {
	if m != nil {
		m.recoveries.WithLabelValues(channel).Add(float64(n))
	}
}

func (m *metrics) reconciled(channel string, known, open int) {
	if m != nil {
		m.doubts.WithLabelValues(channel, "yes").Add(float64(known))
		m.doubts.WithLabelValues(channel, "no").Add(float64(open))
	}
}

func (m *metrics) held(n float64) {
	if m != nil {
		m.chunks.Add(n)
	}
}
