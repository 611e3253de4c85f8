package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"zhiyin/service/campaign"
)

// Links knows where short links lead.
type Links interface {
	Follow(ctx context.Context, code string) (target string, err error)
}

// links leads whoever follows a short link on to where it leads: an address that somebody with the right to do so has
// stored, never one of the request.
func (s *Server) links(l Links) {
	s.engine.GET(campaign.LinkPath+":code", func(c *gin.Context) {
		target, err := l.Follow(c.Request.Context(), c.Param("code"))
		switch {
		case errors.Is(err, campaign.ErrNoLink):
			writeProblem(c, plainProblem(c, http.StatusNotFound))
		case err != nil:
			s.log.ErrorContext(c.Request.Context(), "a short link could not be followed", "error", err)
			writeProblem(c, plainProblem(c, http.StatusServiceUnavailable))
		default:
			c.Header("Cache-Control", "no-store")
			c.Redirect(http.StatusFound, target)
		}
	})
}
