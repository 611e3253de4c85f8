// Package api is the HTTP faces: decode, authorise, call a service, encode. routes.go lists every
// route with its permission.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"zhiyin/api/callback"
	"zhiyin/api/console"
	"zhiyin/api/miniapp"
	"zhiyin/api/open"
	"zhiyin/api/problem"
	"zhiyin/api/sidebar"
	"zhiyin/service/apikey"
)

// Deps is what the faces are put together from.
type Deps struct {
	Console        *console.Handlers
	Door           *console.Door
	Open           *open.Handlers
	OpenDoor       *open.Door
	MiniApp        *miniapp.Handlers
	MiniAppDoor    *miniapp.Door
	Sidebar        *sidebar.Handlers
	SidebarDoor    *sidebar.Door
	Callback       *callback.Face
	Links          Links
	Clicks         Clicks
	Ready          []Check
	Version        string
	TrustedProxies []string
	Logger         *slog.Logger
	Metrics        prometheus.Registerer
}

// Check is something the server needs to be ready.
type Check struct {
	Name string
	// Vital: without it the server takes itself out of rotation; else it is merely degraded.
	Vital bool
	Ask   func(ctx context.Context) error
}

// Server is all faces on one handler.
type Server struct {
	engine *gin.Engine
	log    *slog.Logger
	routes []Route
	// requestTime is how long a typed request may take, waiting for the database included.
	requestTime time.Duration
	// stopping ends when the server is told to stop; answers that go on for long end with it.
	stopping context.Context
	stop     context.CancelFunc
}

func init() {
	gin.SetMode(gin.ReleaseMode)
	// huma has these as package variables; every API of this process answers problems of ours.
	huma.NewErrorWithContext = problem.FromHTTP
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return problem.FromHTTP(nil, status, msg, errs...)
	}
	// Else a second spelling of a name would be taken over without having been validated.
	huma.ValidateStrictCasing = true
}

// New puts the faces together.
func New(d Deps) (*Server, error) {
	s := &Server{engine: gin.New(), log: d.Logger, requestTime: 30 * time.Second}
	s.stopping, s.stop = context.WithCancel(context.Background())
	// gin looks at forwarding headers only from these; with none the peer's address counts.
	if err := s.engine.SetTrustedProxies(d.TrustedProxies); err != nil {
		return nil, fmt.Errorf("trusted proxies: %w", err)
	}
	s.engine.RemoteIPHeaders = []string{"X-Forwarded-For"}
	s.engine.HandleMethodNotAllowed = true
	s.engine.RedirectTrailingSlash = false // a redirect would follow a forwarding header of anybody's
	s.engine.Use(s.requestID, s.accessLog(d.Metrics), s.recoverPanic(d.Metrics), securityHeaders)
	s.engine.NoRoute(func(c *gin.Context) { writeProblem(c, plainProblem(c, http.StatusNotFound)) })
	s.engine.NoMethod(func(c *gin.Context) { writeProblem(c, plainProblem(c, http.StatusMethodNotAllowed)) })

	s.health(d.Ready)
	d.Callback.Mount(s.engine)
	s.links(d.Links, d.Clicks)
	s.consoleRoutes(face{
		api: s.openAPI("知音 · Zhiyin", d.Version, "/openapi", consoleSchemes), prefix: "/api/console", tag: "console",
		server: s, door: d.Door, security: either(consoleSchemes),
	}, d.Console)
	s.openRoutes(face{
		api: s.openAPI("知音开放接口 · Zhiyin open API", d.Version, "/openapi/open", openSchemes), prefix: "/open/v1", tag: "open",
		server: s, door: d.OpenDoor, security: together(openSchemes),
	}, d.Open)
	s.miniAppRoutes(face{
		api: s.openAPI("知音小程序 · Zhiyin mini-program", d.Version, "/openapi/miniapp", miniAppSchemes), prefix: "/api/miniapp", tag: "miniapp",
		server: s, door: d.MiniAppDoor, security: either(miniAppSchemes), before: huma.Middlewares{s.strict},
	}, d.MiniApp)
	d.Sidebar.Handlers = d.Console
	s.sidebarRoutes(face{
		api: s.openAPI("知音侧边栏 · Zhiyin sidebar", d.Version, "/openapi/sidebar", sidebarSchemes), prefix: "/api/sidebar", tag: "sidebar",
		server: s, door: d.SidebarDoor, security: either(sidebarSchemes), before: huma.Middlewares{s.strict},
	}, d.Sidebar)
	s.docs()
	return s, nil
}

// schemes are the ways to prove who one is, as a document of a face names them.
type schemes = map[string]*huma.SecurityScheme

var (
	consoleSchemes = schemes{
		"session": {Type: "apiKey", In: "cookie", Name: console.Cookie(false), Description: "会话 Cookie；HTTPS 下名为 __Host-zhiyin · session cookie; __Host-zhiyin over HTTPS"},
		"bearer":  {Type: "http", Scheme: "bearer", Description: "登录接口返回的 token · the token that sign-in answers"},
	}
	openSchemes = schemes{
		"key":       {Type: "apiKey", In: "header", Name: apikey.HeaderKey, Description: "接口密钥的 ID · the key's id"},
		"time":      {Type: "apiKey", In: "header", Name: apikey.HeaderTime, Description: "发送时间，Unix 秒 · when it is sent, in seconds since 1970"},
		"nonce":     {Type: "apiKey", In: "header", Name: apikey.HeaderNonce, Description: "本次请求的唯一名称，8–64 位 · a name of this request alone, 8 to 64 characters"},
		"signature": {Type: "apiKey", In: "header", Name: apikey.HeaderSignature, Description: "HMAC-SHA-256 签名，见文档 · see docs/open-api.md"},
	}
	miniAppSchemes = schemes{"bearer": consoleSchemes["bearer"]}
	sidebarSchemes = schemes{
		"session": {Type: "apiKey", In: "cookie", Name: sidebar.Cookie(false), Description: "会话 Cookie；HTTPS 下名为 __Host-zhiyin-sidebar · session cookie; __Host-zhiyin-sidebar over HTTPS"},
		"bearer":  consoleSchemes["bearer"],
	}
)

// either is the demand for one of the schemes.
func either(s schemes) (list []map[string][]string) {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		list = append(list, map[string][]string{name: {}})
	}
	return list
}

// together is the demand for all of the schemes.
func together(s schemes) []map[string][]string {
	all := map[string][]string{}
	for name := range s {
		all[name] = []string{}
	}
	return []map[string][]string{all}
}

// openAPI begins the document of a face; it is served at path.json and path.yaml.
func (s *Server) openAPI(title, version, path string, ways schemes) huma.API {
	c := huma.DefaultConfig(title, version)
	c.OpenAPIPath = path
	c.DocsPath = "" // the page is served from the binary, not from somebody's network
	c.SchemasPath = ""
	c.CreateHooks = nil // no $schema links in answers
	c.RejectUnknownQueryParameters = true
	c.Components.SecuritySchemes = ways
	return humagin.New(s.engine, c)
}

// Handler serves all faces.
func (s *Server) Handler() http.Handler { return s.engine }

// Routes is the table of the typed routes with their permissions.
func (s *Server) Routes() []Route { return s.routes }

// writeTime is how long an answer may take, from the end of the request's headers; it exceeds requestTime.
const writeTime = 60 * time.Second

// HTTP wraps the handler in a server whose limits keep slow and greedy clients from hurting others.
func (s *Server) HTTP(listen string) *http.Server {
	server := &http.Server{
		Addr: listen, Handler: s.engine,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: writeTime, IdleTimeout: 60 * time.Second,
		MaxHeaderBytes: 32 << 10,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	server.RegisterOnShutdown(s.stop)
	return server
}
