package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// checkTime bounds how long readiness may take to find out.
const checkTime = 2 * time.Second

// health serves /healthz (the process answers) and /readyz (it can do its work). Neither says why
// something fails: the logs and zhiyin doctor do.
func (s *Server) health(checks []Check) {
	s.engine.GET("/healthz", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) })
	s.engine.GET("/readyz", func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), checkTime)
		defer cancel()
		results, ready := s.ask(ctx, checks)
		status, word := http.StatusOK, "ready"
		if !ready {
			status, word = http.StatusServiceUnavailable, "not ready"
			c.Header("Retry-After", "1")
		}
		c.JSON(status, gin.H{"status": word, "checks": results})
	})
}

// ask runs all checks at once; a check that does not answer in time has failed.
func (s *Server) ask(ctx context.Context, checks []Check) (results map[string]string, ready bool) {
	errs := make([]error, len(checks))
	var wg sync.WaitGroup
	for i, check := range checks {
		wg.Go(func() { errs[i] = check.Ask(ctx) })
	}
	wg.Wait()
	results, ready = map[string]string{}, true
	for i, check := range checks {
		switch {
		case errs[i] == nil:
			results[check.Name] = "ok"
		case check.Vital:
			results[check.Name] = "failed"
			ready = false
		default:
			results[check.Name] = "degraded"
		}
		if errs[i] != nil {
			s.log.WarnContext(ctx, "readiness check failed", "check", check.Name, "error", errs[i])
		}
	}
	return results, ready
}
