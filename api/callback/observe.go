package callback

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

type metrics struct {
	outcomes *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zhiyin_callback_total", Help: "Callbacks by face and outcome.",
		}, []string{"face", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "zhiyin_callback_seconds", Help: "Time to answer a callback; the platform waits 5 s.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 3, 5},
		}, []string{"face"}),
	}
	if r != nil {
		r.MustRegister(m.outcomes, m.seconds)
	}
	return m
}

func (m *metrics) observe(face, outcome string, took time.Duration) {
	m.outcomes.WithLabelValues(face, outcome).Inc()
	m.seconds.WithLabelValues(face).Observe(took.Seconds())
}

// warnings is a log that strangers can't flood: a few lines at once, then one every few seconds. The
// counters have the rest.
type warnings struct {
	log   *slog.Logger
	limit *rate.Limiter
}

func newWarnings(log *slog.Logger) *warnings {
	if log == nil {
		log = slog.Default()
	}
	return &warnings{log, rate.NewLimiter(rate.Every(5*time.Second), 10)}
}

func (w *warnings) warn(ctx context.Context, text string, args ...any) {
	if w.limit.Allow() {
		w.log.WarnContext(ctx, text, args...)
	}
}
