// Package sidebar is what the page beside a chat in WeCom calls. Its users are the corp's members, signed
// in by WeCom; what they may do follows from their roles, and whom they see from their data scope, as in
// the console, whose handlers serve this face too wherever both do the same.
package sidebar

import (
	"context"

	"zhiyin/api/console"
	"zhiyin/service/clock"
	"zhiyin/wecom"
)

// Platform is what this face asks of the platform, for one account.
type Platform interface {
	JSTicket(ctx context.Context) (*wecom.Ticket, error)
	AgentTicket(ctx context.Context) (*wecom.Ticket, error)
}

// Handlers are the console's, put in by api.New, and the sidebar's own.
type Handlers struct {
	*console.Handlers
	Now     clock.Clock
	Corp    func(account string) Platform
	PageURL string   // of the sidebar's page, where people come back to after signing in
	Origins []string // whose pages may be signed: scheme, host and port
	OpenURL string   // base address of the platform's sign-in pages
}

// One is the answer that holds one thing.
type One[T any] = console.One[T]

// None is the answer that holds nothing but its status.
type None = console.None

func one[T any](v T) *One[T] { return &One[T]{Body: v} }
