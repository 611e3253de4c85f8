package intake

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	messages *prometheus.CounterVec
	batch    prometheus.Histogram
	parts    *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zhiyin_inbox_total", Help: "Messages by what became of them: stored, duplicate, routed, done, unknown, failed.",
		}, []string{"outcome"}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "zhiyin_inbox_commit_messages", Help: "Messages stored by one commit.",
			Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128},
		}),
		parts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zhiyin_sync_parts_total", Help: "Parts of synchronisations by stage and outcome.",
		}, []string{"stage", "outcome"}),
	}
	if r != nil {
		r.MustRegister(m.messages, m.batch, m.parts)
	}
	return m
}

func (m *metrics) stored(all, added int) {
	m.batch.Observe(float64(all))
	m.messages.WithLabelValues("stored").Add(float64(added))
	if all > added {
		m.messages.WithLabelValues("duplicate").Add(float64(all - added))
	}
}

func (m *metrics) routed(plans []plan) {
	for _, p := range plans {
		m.messages.WithLabelValues(p.state).Inc()
	}
}

func (m *metrics) finished(state string) { m.messages.WithLabelValues(state).Inc() }

func (m *metrics) part(stage, outcome string) { m.parts.WithLabelValues(stage, outcome).Inc() }
