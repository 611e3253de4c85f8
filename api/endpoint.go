package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"zhiyin/api/problem"
)

// signature is a handler without its types, which are read by reflection instead.
type signature struct {
	in, out reflect.Type
	// call hands a *I to the handler and returns its *O.
	call func(ctx context.Context, in any) (any, error)
}

func signatureOf[I, O any](h handler[I, O]) signature {
	return signature{reflect.TypeFor[I](), reflect.TypeFor[O](), func(ctx context.Context, in any) (any, error) {
		return h(ctx, in.(*I))
	}}
}

// endpoint is one typed route at work. huma.Register does the same, but is generic over input and answer: the
// compiler makes one more copy of all of it, 30 kB, for every route. This is there once, over what huma offers
// besides: schemas, validation, the document, and the formats of answers.
type endpoint struct {
	api  huma.API
	op   *huma.Operation
	sig  signature
	in   *input
	out  *answer
	fail func(ctx context.Context, err error) *problem.Problem
}

// operate adds a typed route to an API and to its document; fail says what is answered when the handler
// returns an error. It panics where a type holds what no route can.
func operate(api huma.API, op huma.Operation, sig signature, fail func(context.Context, error) *problem.Problem) {
	registry := api.OpenAPI().Components.Schemas
	op.Responses = map[string]*huma.Response{}
	e := &endpoint{api: api, op: &op, sig: sig, fail: fail}
	e.in = newInput(sig.in, &op, registry)
	e.out = newAnswer(sig.out, &op, registry)
	describeErrors(&op, registry)
	api.OpenAPI().AddOperation(&op)
	api.Adapter().Handle(&op, api.Middlewares().Handler(op.Middlewares.Handler(e.serve)))
}

// describeErrors documents the problems that may be answered.
func describeErrors(op *huma.Operation, registry huma.Registry) {
	var p problem.Problem
	schema := registry.Schema(reflect.TypeOf(p), true, "")
	for _, status := range op.Errors {
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status),
			Content:     map[string]*huma.MediaType{p.ContentType(""): {Schema: schema}},
		}
	}
}

func (e *endpoint) serve(ctx huma.Context) {
	in := reflect.New(e.sig.in)
	if status, wrong := e.in.read(ctx, in.Elem()); status != 0 {
		e.write(ctx, status, problem.FromHTTP(ctx, status, "", wrong...))
		return
	}
	out, err := e.sig.call(ctx.Context(), in.Interface())
	if err != nil {
		p := e.fail(ctx.Context(), err)
		for name, values := range p.GetHeaders() {
			ctx.SetHeader(name, values[0])
		}
		e.write(ctx, p.Status, p)
		return
	}
	e.answer(ctx, reflect.ValueOf(out).Elem())
}

// answer sends what the handler gave.
func (e *endpoint) answer(ctx huma.Context, out reflect.Value) {
	for _, h := range e.out.headers {
		if text := headerText(out.FieldByIndex(h.index)); text != "" {
			ctx.SetHeader(h.name, text)
		}
	}
	if e.out.body == nil {
		ctx.SetStatus(e.op.DefaultStatus)
		return
	}
	switch body := out.FieldByIndex(e.out.body).Interface().(type) {
	case func(huma.Context):
		body(ctx)
	case []byte:
		ctx.SetStatus(e.op.DefaultStatus)
		_, _ = ctx.BodyWriter().Write(body) // fails only when nobody is there any more
	default:
		e.write(ctx, e.op.DefaultStatus, body)
	}
}

// write sends a value in a format that the client takes.
func (e *endpoint) write(ctx huma.Context, status int, body any) {
	format, err := e.api.Negotiate(ctx.Header("Accept"))
	if err != nil {
		status, format = http.StatusNotAcceptable, "application/json"
		body = problem.FromHTTP(ctx, status, "")
	}
	if f, ok := body.(huma.ContentTypeFilter); ok {
		format = f.ContentType(format)
	}
	ctx.SetHeader("Content-Type", format)
	ctx.SetStatus(status)
	if err := e.api.Marshal(ctx.BodyWriter(), format, body); err != nil && !errors.Is(ctx.Context().Err(), context.Canceled) {
		panic(fmt.Errorf("%s %s: %w", e.op.Method, e.op.Path, err))
	}
}
