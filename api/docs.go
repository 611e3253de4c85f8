package api

import (
	"bytes"
	"embed"
	"io/fs"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/swaggest/swgui/v5/static"
	"github.com/swaggest/swgui/v5emb"
)

//go:embed docs
var docsPage embed.FS

// docs serves a page that shows the OpenAPI document, all of it from the binary. The page and the
// script that starts it are ours, because those of the library have scripts inside the page, which
// the content policy refuses.
func (s *Server) docs() {
	assets := gin.WrapH(v5emb.New("", "", "/docs"))
	s.engine.GET("/docs", ownFile("index.html"))
	s.engine.GET("/docs/*file", func(c *gin.Context) {
		switch c.Param("file") {
		case "/", "/open", "/miniapp", "/sidebar": // one page for all faces; start.js looks at the address
			ownFile("index.html")(c)
		case "/start.js":
			ownFile("start.js")(c)
		default:
			if !isAsset(c.Param("file")) {
				writeProblem(c, plainProblem(c, http.StatusNotFound))
				return
			}
			assets(c)
		}
	})
}

// isAsset tells whether the library has a file of this name, perhaps compressed.
func isAsset(path string) bool {
	for _, name := range []string{path[1:], path[1:] + ".gz"} {
		if _, err := fs.Stat(static.FS, name); err == nil {
			return true
		}
	}
	return false
}

func ownFile(name string) gin.HandlerFunc {
	return func(c *gin.Context) {
		content, err := docsPage.ReadFile("docs/" + name)
		if err != nil {
			panic(err) // it is in the binary
		}
		http.ServeContent(c.Writer, c.Request, name, time.Time{}, bytes.NewReader(content))
	}
}
