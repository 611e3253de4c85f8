package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"zhiyin/api/console"
)

// What a request may send, and how long a file may take to arrive and to be answered.
const (
	maxJSON    = 1 << 20
	maxForm    = console.MaxUpload + 64<<10 // a file and what a form says around it
	uploadTime = 3 * time.Minute
	formMemory = 1 << 20 // beyond it a form goes to temporary files
)

// legible is the middleware that refuses what can't be read before huma looks at it: a query or a
// path that is no text, a body of another type, too large, too slow, cut off, or no JSON.
func (s *Server) legible(ctx huma.Context, next func(huma.Context)) {
	c := humagin.Unwrap(ctx)
	if !isText(c) {
		writeProblem(c, plainProblem(c, http.StatusBadRequest))
		return
	}
	body := ctx.Operation().RequestBody
	switch {
	case body == nil:
		next(ctx)
	case body.Content["multipart/form-data"] != nil:
		s.readForm(ctx, c, next)
	default:
		s.readJSON(ctx, c, next)
	}
}

// isText tells whether everything in the address is UTF-8 without NUL, which some databases take
// for the end of a text and some refuse.
func isText(c *gin.Context) bool {
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return false
	}
	ok := func(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }
	for name, values := range query {
		if !ok(name) || !ok(strings.Join(values, "")) {
			return false
		}
	}
	for _, p := range c.Params {
		if !ok(p.Value) {
			return false
		}
	}
	return true
}

func (s *Server) readJSON(ctx huma.Context, c *gin.Context, next func(huma.Context)) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxJSON))
	switch {
	case err != nil:
		writeProblem(c, plainProblem(c, readStatus(err)))
	case len(body) > 0 && c.ContentType() != "application/json":
		writeProblem(c, plainProblem(c, http.StatusUnsupportedMediaType))
	case !utf8.Valid(body):
		writeProblem(c, plainProblem(c, http.StatusBadRequest))
	default:
		c.Request.Body = io.NopCloser(bytes.NewReader(body))
		next(ctx)
	}
}

// readForm reads a form, whose files may lie in temporary files until the request has been answered.
func (s *Server) readForm(ctx huma.Context, c *gin.Context, next func(huma.Context)) {
	if c.ContentType() != "multipart/form-data" {
		writeProblem(c, plainProblem(c, http.StatusUnsupportedMediaType))
		return
	}
	connection := http.NewResponseController(c.Writer)
	end := time.Now().Add(uploadTime)
	// Not every connection knows time limits; those of a real server do.
	_ = connection.SetReadDeadline(end)
	_ = connection.SetWriteDeadline(end.Add(writeTime))
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxForm)
	err := c.Request.ParseMultipartForm(formMemory)
	if form := c.Request.MultipartForm; form != nil {
		// The server would remove them itself, had the request not been copied for its context.
		defer func() {
			if err := form.RemoveAll(); err != nil {
				s.log.WarnContext(ctx.Context(), "a temporary file of an upload stays", "error", err)
			}
		}()
	}
	if err != nil {
		writeProblem(c, plainProblem(c, readStatus(err)))
		return
	}
	next(ctx)
}

// readStatus says what became of a body that could not be read.
func readStatus(err error) int {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}
