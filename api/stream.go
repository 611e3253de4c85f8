package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"zhiyin/api/console"
)

// stream is a get that is answered with server-sent events. The handler refuses before the first event, or gives the function that sends
// them, which ends with the request's time, with the client, or with the server. data shows what an event looks like.
func stream[I any](f face, path string, a access, summary string, data any, h func(ctx context.Context, in *I) (func(ctx context.Context, send console.Send) error, error)) {
	op := f.operation(http.MethodGet, path, a, summary)
	shape := f.api.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(data), true, "")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "server-sent events", Content: map[string]*huma.MediaType{"text/event-stream": {Schema: shape}},
	}}
	server := f.server
	huma.Register(f.api, op, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		follow, err := h(ctx, in)
		if err != nil {
			return nil, f.problem(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			hc.SetHeader("Content-Type", "text/event-stream")
			hc.SetHeader("X-Accel-Buffering", "no") // a proxy must not gather them
			ctx, cancel := context.WithCancel(hc.Context())
			defer cancel()
			defer context.AfterFunc(server.stopping, cancel)()
			if err := follow(ctx, func(event string, data any) error { return sendEvent(hc, event, data) }); err != nil && ctx.Err() == nil {
				server.log.WarnContext(ctx, "events to a follower broke off", "path", op.Path, "error", err)
			}
		}}, nil
	})
}

func sendEvent(hc huma.Context, event string, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return err
	}
	w := hc.BodyWriter()
	if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", strings.ReplaceAll(event, "\n", " "), b); err != nil {
		return err
	}
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	return nil
}
