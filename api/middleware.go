package api

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"zhiyin/api/problem"
	"zhiyin/logs"
)

var requestIDShape = regexp.MustCompile(`^[A-Za-z0-9-]{8,64}$`)

// requestID takes the caller's X-Request-ID when it is harmless, else makes one, and gives it back.
func (s *Server) requestID(c *gin.Context) {
	id := c.GetHeader("X-Request-ID")
	if !requestIDShape.MatchString(id) {
		id = rand.Text()
	}
	c.Header("X-Request-ID", id)
	c.Request = c.Request.WithContext(logs.WithRequestID(c.Request.Context(), id))
	c.Next()
}

// accessLog writes one line and one observation per request. It names the route, never the address
// that was asked for, because that may hold ids.
func (s *Server) accessLog(metrics prometheus.Registerer) gin.HandlerFunc {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "zhiyin_http_request_seconds", Help: "Time to answer a request.",
		Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 3, 10},
	}, []string{"method", "route", "status"})
	metrics.MustRegister(seconds)
	return func(c *gin.Context) {
		start := time.Now()
		defer func() { // also when the connection is cut
			method, route, took := knownMethod(c.Request.Method), c.FullPath(), time.Since(start)
			if route == "" {
				route = "none"
			}
			seconds.WithLabelValues(method, route, strconv.Itoa(c.Writer.Status())).Observe(took.Seconds())
			level := slog.LevelDebug
			if c.Writer.Status() >= 500 {
				level = slog.LevelWarn
			}
			s.log.Log(c.Request.Context(), level, "request", "method", method, "route", route,
				"status", c.Writer.Status(), "ms", took.Milliseconds())
		}()
		c.Next()
	}
}

// knownMethod keeps invented methods out of logs and label sets.
func knownMethod(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return m
	}
	return "other"
}

// recoverPanic answers 500 without detail. An answer that has begun can't be taken back: its
// connection is cut, so that nobody takes half of it for the whole.
func (s *Server) recoverPanic(metrics prometheus.Registerer) gin.HandlerFunc {
	panics := prometheus.NewCounter(prometheus.CounterOpts{Name: "zhiyin_http_panics_total", Help: "Requests whose handler panicked."})
	metrics.MustRegister(panics)
	return func(c *gin.Context) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler {
				panic(p)
			}
			panics.Inc()
			s.log.ErrorContext(c.Request.Context(), "panic in a handler", "panic", p, "stack", string(debug.Stack()))
			if c.Writer.Written() {
				panic(http.ErrAbortHandler)
			}
			writeProblem(c, plainProblem(c, http.StatusInternalServerError))
		}()
		c.Next()
	}
}

// securityHeaders keeps answers from being sniffed, framed, cached or leaked by referrer. Scripts
// come from this server only and never from inside a page; the documentation page needs inline
// styles and data images.
func securityHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	c.Next()
}

// plainProblem is the problem of a status alone.
func plainProblem(c *gin.Context, status int) *problem.Problem {
	return problem.New(c.Request.Context(), status, problem.PrefersEnglish(c.GetHeader("Accept-Language")))
}

func writeProblem(c *gin.Context, p *problem.Problem) {
	for name, values := range p.GetHeaders() {
		c.Header(name, values[0])
	}
	c.Header("Content-Type", p.ContentType(""))
	c.AbortWithStatusJSON(p.Status, p)
}
