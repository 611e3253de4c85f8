// Package logs makes the logger and carries the request id, so that every line that belongs to a
// request says so.
package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// New makes a logger that writes text or json at a level (debug, info, warn, error).
func New(w io.Writer, format, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: l, ReplaceAttr: withoutValues}
	if format == "json" {
		return slog.New(withRequestID{slog.NewJSONHandler(w, o)})
	}
	return slog.New(withRequestID{slog.NewTextHandler(w, o)})
}

// withoutValues takes from a database's complaint all but its number: "Duplicate entry '138…' for
// key" would bring into the log what somebody typed.
func withoutValues(_ []string, a slog.Attr) slog.Attr {
	err, ok := a.Value.Any().(error)
	var complaint *mysql.MySQLError
	if !ok || !errors.As(err, &complaint) {
		return a
	}
	return slog.String(a.Key, strings.ReplaceAll(err.Error(), complaint.Error(), fmt.Sprintf("MySQL error %d", complaint.Number)))
}

type requestIDKey struct{}

// WithRequestID returns a context whose log lines bear the id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

// RequestID is the id of the request that ctx belongs to, or empty.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

type withRequestID struct{ slog.Handler }

func (h withRequestID) Handle(ctx context.Context, r slog.Record) error {
	if id := RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h withRequestID) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withRequestID{h.Handler.WithAttrs(attrs)}
}

func (h withRequestID) WithGroup(name string) slog.Handler {
	return withRequestID{h.Handler.WithGroup(name)}
}
