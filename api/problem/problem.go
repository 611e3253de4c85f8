// Package problem turns errors into RFC 9457 problem documents with a stable code.
package problem

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/text/language"

	"zhiyin/logs"
	"zhiyin/model"
	"zhiyin/service/fault"
)

// Problem is what every face answers when it can't do what was asked.
type Problem struct {
	Status    int           `json:"status" doc:"HTTP status"`
	Code      string        `json:"code" doc:"stable, for programs: coupon.sold_out"`
	Title     string        `json:"title" doc:"for people; Chinese unless Accept-Language asks for English first"`
	RequestID string        `json:"request_id,omitempty" doc:"quote it when asking for help"`
	Fields    []fault.Field `json:"fields,omitempty" doc:"the inputs that are wrong"`

	retryAfter time.Duration
}

// Error names the code.
func (p *Problem) Error() string { return p.Code }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of problem documents.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders says when to try again, where that is known, and how to sign in, where that is missing.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	return h
}

var statuses = map[fault.Kind]int{
	fault.Malformed: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404, fault.Conflict: 409,
	fault.TooLarge: 413, fault.Invalid: 422, fault.TooMany: 429, fault.Unavailable: 503, fault.Internal: 500,
}

var (
	errInternal    = fault.New(fault.Internal, "internal", "系统出错了，请稍后再试", "something went wrong on our side")
	errUnavailable = fault.New(fault.Unavailable, "unavailable", "系统暂时不可用，请稍后再试", "the system is unavailable for the moment").After(time.Second)
	errNotFound    = fault.New(fault.NotFound, "not_found", "没有找到", "there is no such thing")
)

// Of turns an error into a problem. What is not meant for the caller is logged here, once, and
// answered with a general sentence.
func Of(ctx context.Context, log *slog.Logger, err error, english bool) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	f := fault.Of(err)
	switch {
	case f != nil:
	case errors.Is(err, model.ErrNoSuchID):
		f = errNotFound
	case model.IsUnavailable(err), errors.Is(err, model.ErrTooManyWaiting), errors.Is(err, context.DeadlineExceeded):
		f = errUnavailable
		log.WarnContext(ctx, "a dependency is unavailable", "error", err)
	case errors.Is(err, context.Canceled):
		f = errUnavailable // the caller has gone; nobody reads the answer
	default:
		f = errInternal
		log.ErrorContext(ctx, "request failed", "error", err)
	}
	return &Problem{
		Status: statuses[f.Kind], Code: f.Code, Title: title(f, english), Fields: f.Fields,
		RequestID: logs.RequestID(ctx), retryAfter: f.RetryAfter,
	}
}

func title(f *fault.Fault, english bool) string {
	if english {
		return f.En
	}
	return f.Zh
}

// languages are those that titles are written in; whoever wants another gets the first.
var languages = language.NewMatcher([]language.Tag{language.Chinese, language.English})

// PrefersEnglish tells whether an Accept-Language header wants English rather than Chinese.
func PrefersEnglish(acceptLanguage string) bool {
	_, i := language.MatchStrings(languages, acceptLanguage)
	return i == 1
}

// ErrInvalid is answered, with the fields that are wrong, when validation fails.
var ErrInvalid = fault.New(fault.Invalid, "invalid", "请求中有不正确的内容", "something in the request is not right")

// codes are those of failures that the HTTP layer finds before a handler is reached.
var codes = map[int]*fault.Fault{
	400: fault.New(fault.Malformed, "malformed", "请求无法读取", "the request can't be read"),
	404: errNotFound,
	408: fault.New(fault.Malformed, "too_slow", "请求内容发送得太慢", "the request took too long to arrive"),
	405: fault.New(fault.Malformed, "method_not_allowed", "不支持这个请求方法", "this method is not allowed here"),
	406: fault.New(fault.Malformed, "not_acceptable", "无法以所要求的格式回答", "the wanted answer format is not available"),
	413: fault.New(fault.TooLarge, "too_large", "请求内容过大", "the request is too large"),
	415: fault.New(fault.Malformed, "wrong_type", "请使用 application/json", "send application/json"),
	422: ErrInvalid,
	500: errInternal,
}

// New makes the problem of a status alone.
func New(ctx context.Context, status int, english bool) *Problem {
	f := codes[status]
	if f == nil {
		f = fault.New(fault.Internal, "http_"+strconv.Itoa(status), http.StatusText(status), http.StatusText(status))
	}
	return &Problem{Status: status, Code: f.Code, Title: title(f, english), RequestID: logs.RequestID(ctx)}
}

// FromHTTP makes the problem for what the HTTP layer itself refuses: status, and for validation the
// fields that are wrong. It is huma's error constructor.
func FromHTTP(ctx huma.Context, status int, _ string, errs ...error) huma.StatusError {
	if ctx == nil { // while routes are being listed, to learn the type
		return New(context.Background(), status, false)
	}
	p := New(ctx.Context(), status, PrefersEnglish(ctx.Header("Accept-Language")))
	for _, err := range errs {
		var d *huma.ErrorDetail
		if len(p.Fields) < maxFields && errors.As(err, &d) {
			p.Fields = append(p.Fields, fault.Field{Name: short(d.Location), Reason: reason(d)})
		}
	}
	return p
}

// A request can be wrong in a hundred thousand places and call them by long names; an answer says
// no more of them than helps.
const (
	maxFields = 20
	maxName   = 100 // bytes
)

func short(name string) string {
	if len(name) > maxName {
		name = name[:maxName] + "…"
	}
	return strings.ToValidUTF8(name, "")
}
