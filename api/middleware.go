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
		c.Next()
		route, took := c.FullPath(), time.Since(start)
		if route == "" {
			route = "none"
		}
		seconds.WithLabelValues(knownMethod(c.Request.Method), route, strconv.Itoa(c.Writer.Status())).Observe(took.Seconds())
		level := slog.LevelDebug
		if c.Writer.Status() >= 500 {
			level = slog.LevelWarn
		}
		s.log.Log(c.Request.Context(), level, "request", "method", knownMethod(c.Request.Method), "route", route,
			"status", c.Writer.Status(), "ms", took.Milliseconds())
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

func (s *Server) recoverPanic(c *gin.Context) {
	defer func() {
		if p := recover(); p != nil {
			s.log.ErrorContext(c.Request.Context(), "panic in a handler", "panic", p, "stack", string(debug.Stack()))
			if !c.Writer.Written() {
				writeProblem(c, plainProblem(c, http.StatusInternalServerError))
			}
			c.Abort()
		}
	}()
	c.Next()
}

// securityHeaders keeps answers from being sniffed, framed, cached or leaked by referrer. Scripts
// come from this server only; the documentation page needs inline styles and data images.
func securityHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	c.Next()
}

func plainProblem(c *gin.Context, status int) *problem.Problem {
	p := problem.FromHTTP(nil, status, http.StatusText(status)).(*problem.Problem)
	p.RequestID = logs.RequestID(c.Request.Context())
	return p
}

func writeProblem(c *gin.Context, p *problem.Problem) {
	for name, values := range p.GetHeaders() {
		c.Header(name, values[0])
	}
	c.Header("Content-Type", p.ContentType(""))
	c.AbortWithStatusJSON(p.Status, p)
}
