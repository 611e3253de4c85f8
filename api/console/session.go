package console

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"zhiyin/service/fault"
	"zhiyin/service/staff"
)

// The refusals at the console's door.
var (
	ErrSignInFirst = fault.New(fault.Unauthenticated, "auth.sign_in_first", "请先登录", "sign in first")
	ErrForbidden   = fault.New(fault.Forbidden, "auth.forbidden", "您没有这个权限", "you may not do this")
	ErrCrossSite   = fault.New(fault.Forbidden, "auth.cross_site", "请求来自其他网站，已拒绝", "the request comes from another site")
)

// Cookie is the name of the session cookie; over https it is bound to the host.
func Cookie(secure bool) string {
	if secure {
		return "__Host-zhiyin"
	}
	return "zhiyin"
}

type viewerKey struct{}

// ViewerOf is who is signed in; the door has let nobody else through.
func ViewerOf(ctx context.Context) *staff.Viewer {
	v, _ := ctx.Value(viewerKey{}).(*staff.Viewer)
	return v
}

// WithViewer is a context of a request that v makes.
func WithViewer(ctx context.Context, v *staff.Viewer) context.Context {
	return context.WithValue(ctx, viewerKey{}, v)
}

// Door lets people in: it knows who a session token belongs to.
type Door struct {
	Staff  *staff.Service
	Secure bool // the public address is https
	// Face is whose sessions are good here, and CookieName where browsers keep them; empty: the console's.
	Face, CookieName string
	cross            http.CrossOriginProtection
}

// Meet tells where a request comes from, and refuses with ErrCrossSite what a page of another site has
// made a browser send. Programs prove by the token in their header that they mean it.
func (d *Door) Meet(ctx huma.Context, r *http.Request, ip string) (huma.Context, error) {
	ctx = huma.WithValue(ctx, originKey{}, Origin{IP: ip, UserAgent: r.UserAgent(), Token: d.token(r)})
	if _, ok := bearer(r); !ok && d.cross.Check(r) != nil {
		return ctx, ErrCrossSite
	}
	return ctx, nil
}

// Admit returns a context that knows the viewer, or a fault: no valid session, or lacking the
// permission. An empty permission admits everybody who is signed in.
// Rights are read anew for every request.
func (d *Door) Admit(ctx huma.Context, r *http.Request, permission string) (huma.Context, error) {
	token := d.token(r)
	if token == "" {
		return ctx, ErrSignInFirst
	}
	viewer, err := d.Staff.Authenticate(ctx.Context(), token)
	if err != nil {
		return ctx, err
	}
	if viewer.Face != cmp.Or(d.Face, staff.FaceConsole) {
		return ctx, staff.ErrSessionEnded
	}
	if permission != "" && !viewer.May(permission) {
		return ctx, ErrForbidden
	}
	return huma.WithValue(ctx, viewerKey{}, viewer), nil
}

// token reads the session from the Authorization header (programs) or the cookie (browsers).
func (d *Door) token(r *http.Request) string {
	if token, ok := bearer(r); ok {
		return token
	}
	c, err := r.Cookie(cmp.Or(d.CookieName, Cookie(d.Secure)))
	if err != nil {
		return ""
	}
	return c.Value
}

func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, strings.EqualFold(scheme, "Bearer")
}
