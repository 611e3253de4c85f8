package api

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"zhiyin/api/problem"
)

// access says who may call a route.
type access struct {
	anyone     bool
	permission string
}

// may admits those whose roles hold a permission.
func may(permission string) access { return access{permission: permission} }

var (
	anyone   = access{anyone: true} // nobody needs to be signed in
	signedIn = access{}             // everybody who is
)

// Route is one line of the table of routes, as tests and documents read it.
type Route struct {
	Method, Path string
	Anyone       bool
	Permission   string
}

// door is what stands before every handler of a face.
type door interface {
	// Meet looks at a request before anybody asks who sends it. It returns a context that knows where
	// the request comes from (ip is the client's, as far as proxies are trusted), or why it is refused.
	Meet(ctx huma.Context, r *http.Request, ip string) (huma.Context, error)
	// Admit returns a context that knows who calls, or a fault: nobody, or without the permission. An
	// empty permission admits everybody who is signed in.
	Admit(ctx huma.Context, r *http.Request, permission string) (huma.Context, error)
}

// face is one audience's part of the API while its routes are being listed.
type face struct {
	api      huma.API
	prefix   string
	tag      string
	server   *Server
	door     door
	security []map[string][]string // the ways to prove who one is
	// before are the face's own checks of a body, ahead of huma's.
	before huma.Middlewares
}

// handler is a typed function: what it takes, what it gives, an error.
type handler[I, O any] func(ctx context.Context, in *I) (*O, error)

func get[I, O any](f face, path string, a access, summary string, h handler[I, O]) {
	f.register(http.MethodGet, path, a, summary, signatureOf(h))
}

func post[I, O any](f face, path string, a access, summary string, h handler[I, O]) {
	f.register(http.MethodPost, path, a, summary, signatureOf(h))
}

func put[I, O any](f face, path string, a access, summary string, h handler[I, O]) {
	f.register(http.MethodPut, path, a, summary, signatureOf(h))
}

func remove[I, O any](f face, path string, a access, summary string, h handler[I, O]) {
	f.register(http.MethodDelete, path, a, summary, signatureOf(h))
}

// upload is a post that takes a form with files.
func upload[I, O any](f face, path string, a access, summary string, h handler[I, O]) {
	op := f.operation(http.MethodPost, path, a, summary)
	// legible has read the form when huma would begin; from then on the connection has no read limit,
	// because one that runs out ends the request's context in the middle of the work.
	op.BodyReadTimeout = -1
	huma.Register(f.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, f.problem(ctx, err)
		}
		return out, nil
	})
}

// register is not generic, because the compiler would make a copy for every route.
func (f *face) register(method, path string, a access, summary string, sig signature) {
	operate(f.api, f.operation(method, path, a, summary), sig, f.problem)
}

// problem is what a handler's error is answered with.
func (f *face) problem(ctx context.Context, err error) *problem.Problem {
	return problem.Of(ctx, f.server.log, err, english(ctx))
}

// operation is what all routes of a face have in common, with what its line says.
func (f *face) operation(method, path string, a access, summary string) huma.Operation {
	op := huma.Operation{
		Method: method, Path: f.prefix + path, Summary: summary, Tags: []string{f.tag},
		OperationID: operationID(method, f.tag+path),
		Errors:      []int{http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable},
		Middlewares: append(huma.Middlewares{f.server.admit(*f, a), f.server.legible}, f.before...),
	}
	if !a.anyone {
		op.Security = f.security
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
		op.Description = "需要登录 · needs a session"
		if a.permission != "" {
			op.Description = "权限 · permission: `" + a.permission + "`"
		}
	}
	f.server.routes = append(f.server.routes, Route{method, op.Path, a.anyone, a.permission})
	return op
}

// admit is the middleware of one route: nobody reaches a handler past it.
func (s *Server) admit(f face, a access) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		c := humagin.Unwrap(ctx)
		ctx = huma.WithValue(ctx, englishKey{}, problem.PrefersEnglish(ctx.Header("Accept-Language")))
		limited, cancel := context.WithTimeout(ctx.Context(), s.requestTime)
		defer cancel()
		ctx, err := f.door.Meet(huma.WithContext(ctx, limited), c.Request, c.ClientIP())
		if err == nil && !a.anyone {
			ctx, err = f.door.Admit(ctx, c.Request, a.permission)
		}
		if err != nil {
			writeProblem(c, problem.Of(ctx.Context(), s.log, err, english(ctx.Context())))
			return
		}
		next(ctx)
	}
}

type englishKey struct{}

func english(ctx context.Context) bool {
	e, _ := ctx.Value(englishKey{}).(bool)
	return e
}

var notWord = regexp.MustCompile(`[^a-z0-9]+`)

func operationID(method, path string) string {
	return strings.Trim(notWord.ReplaceAllString(strings.ToLower(method+"-"+path), "-"), "-")
}
