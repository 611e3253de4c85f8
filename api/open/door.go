// Package open is what other systems call: shop systems that tell of products and orders, and ask about
// customers. Every request is signed; see docs/open-api.md.
package open

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"zhiyin/service/apikey"
	"zhiyin/service/fault"
)

// ErrTooLarge is answered to a body of more than MaxBody bytes.
var ErrTooLarge = fault.New(fault.TooLarge, "too_large", "请求内容过大", "the request is too large")

// MaxBody is the most bytes that a request's body may have.
const MaxBody = 1 << 20

// Door lets in whoever signs with a key.
type Door struct{ Keys *apikey.Service }

type addressKey struct{}

// Meet remembers where a request comes from. No browser calls this face, so there is no other site to
// guard against: a request without a signature gets nowhere.
func (d *Door) Meet(ctx huma.Context, _ *http.Request, ip string) (huma.Context, error) {
	return huma.WithValue(ctx, addressKey{}, ip), nil
}

type callerKey struct{}

// Admit reads a request to its end, because the body is signed too, and returns a context that knows the
// caller. A body of somebody whose key is unknown is not read.
func (d *Door) Admit(ctx huma.Context, r *http.Request, permission string) (huma.Context, error) {
	ip, _ := ctx.Context().Value(addressKey{}).(string)
	q := apikey.Request{
		Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, IP: ip,
		Key: header(r, apikey.HeaderKey), Time: header(r, apikey.HeaderTime), Nonce: header(r, apikey.HeaderNonce), Signature: header(r, apikey.HeaderSignature),
	}
	if err := d.Keys.Known(ctx.Context(), q); err != nil {
		return ctx, err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	if err != nil {
		return ctx, fault.New(fault.Malformed, "malformed", "请求无法读取", "the request can't be read")
	}
	if len(body) > MaxBody {
		return ctx, ErrTooLarge
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	q.Body = body
	caller, err := d.Keys.Admit(ctx.Context(), q)
	if err != nil {
		return ctx, err
	}
	if permission != "" && !caller.May(permission) {
		return ctx, apikey.ErrForbidden
	}
	return huma.WithValue(ctx, callerKey{}, caller), nil
}

// header gives a header that was sent once; a second one could be what another reader takes for it.
func header(r *http.Request, name string) string {
	if values := r.Header.Values(name); len(values) == 1 {
		return values[0]
	}
	return ""
}

// callerOf is who signed the request.
func callerOf(ctx context.Context) *apikey.Caller {
	c, _ := ctx.Value(callerKey{}).(*apikey.Caller)
	return c
}
