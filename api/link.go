package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"zhiyin/model"
	"zhiyin/service/campaign"
)

// Links knows where short links lead.
type Links interface {
	Follow(ctx context.Context, code string) (target string, err error)
}

// Clicks notes whose message a short link was followed from.
type Clicks interface {
	LinkFollowed(ctx context.Context, deliveryID string) error
}

// links leads whoever follows a short link on to where it leads: an address that somebody with the right to do so has
// stored, never one of the request.
func (s *Server) links(l Links, clicks Clicks) {
	follow := func(c *gin.Context) {
		target, err := l.Follow(c.Request.Context(), c.Param("code"))
		switch {
		case errors.Is(err, campaign.ErrNoLink):
			writeProblem(c, plainProblem(c, http.StatusNotFound))
		case err != nil:
			s.log.ErrorContext(c.Request.Context(), "a short link could not be followed", "error", err)
			writeProblem(c, plainProblem(c, http.StatusServiceUnavailable))
		default:
			if delivery := c.Param("delivery"); delivery != "" {
				// A link leads on whatever stands behind it: mail programs cut and add.
				if err := clicks.LinkFollowed(c.Request.Context(), delivery); err != nil && !errors.Is(err, model.ErrNoSuchID) {
					s.log.ErrorContext(c.Request.Context(), "a click could not be noted", "error", err)
				}
			}
			c.Header("Cache-Control", "no-store")
			c.Redirect(http.StatusFound, target)
		}
	}
	s.engine.GET(campaign.LinkPath+":code", follow)
	s.engine.GET(campaign.LinkPath+":code/:delivery", follow)
}
