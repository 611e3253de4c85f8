package wecom

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what operators see of the gateway. A nil *metrics counts nothing.
type metrics struct {
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	fetches  *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	if r == nil {
		return nil, nil
	}
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zhiyin_wecom_calls_total", Help: "Calls to the platform by outcome; retries of one call count once.",
		}, []string{"account", "api", "class"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "zhiyin_wecom_request_seconds", Help: "Duration of single requests to the platform.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"account", "api"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "zhiyin_wecom_requests_in_flight", Help: "Requests that the platform has not answered yet.",
		}, []string{"account"}),
		fetches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "zhiyin_wecom_token_fetches_total", Help: "Access tokens and tickets asked of the platform.",
		}, []string{"account", "kind", "class"}),
	}
	for _, c := range []prometheus.Collector{m.calls, m.seconds, m.inFlight, m.fetches} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func outcome(err *Error) string {
	if err == nil {
		return "ok"
	}
	return err.Class.String()
}

// called counts a finished call.
func (m *metrics) called(account, api string, err *Error) {
	if m != nil {
		m.calls.WithLabelValues(account, api, outcome(err)).Inc()
	}
}

// request observes one request; the result ends it.
func (m *metrics) request(account, api string) func() {
	if m == nil {
		return func() {}
	}
	started := time.Now()
	m.inFlight.WithLabelValues(account).Inc()
	return func() {
		m.inFlight.WithLabelValues(account).Dec()
		m.seconds.WithLabelValues(account, api).Observe(time.Since(started).Seconds())
	}
}

// fetched counts a token fetch.
func (m *metrics) fetched(account, kind string, err error) {
	if m != nil {
		e, _ := err.(*Error)
		m.fetches.WithLabelValues(account, kind, outcome(e)).Inc()
	}
}
