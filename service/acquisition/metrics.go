package acquisition

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	latency  prometheus.Histogram
	welcomes *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "zhiyin_welcome_latency_seconds",
			Help:    "From the receipt of the callback to the platform's acceptance of the welcome message.",
			Buckets: []float64{.05, .1, .2, .5, 1, 2, 3, 5, 10, 15, 20},
		}),
		welcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zhiyin_welcome_total",
			Help: "Welcome messages that were due, by how they ended: sent, missed, taken, none.",
		}, []string{"outcome"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.latency, m.welcomes} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) welcomed(outcome string, latency time.Duration) {
	m.welcomes.WithLabelValues(outcome).Inc()
	if outcome == OutcomeSent {
		m.latency.Observe(latency.Seconds())
	}
}
