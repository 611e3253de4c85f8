// Package moderation 内容审核 decides whether other customers may see what a customer wrote or chose as their picture. The
// platform is asked before a text is kept, and about a picture afterwards; what it calls risky is refused, and what it did not
// pass is kept but hidden from other customers until it passes or a person decides. Staff see everything.
//
// Whoever shows something of one customer to another asks [Shown]. A check speaks of one content: a verdict on an older one
// releases nothing.
package moderation

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/fault"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// What can go wrong for the caller.
var (
	ErrRisky    = fault.New(fault.Invalid, "moderation.risky", "内容不合规，请修改后再提交", "this must not be shown to others; write something else")
	ErrNotFound = fault.New(fault.NotFound, "moderation.not_found", "没有这条审核记录", "no such check")
	ErrChanged  = fault.New(fault.Conflict, "moderation.changed", "客户已修改该内容，请重新查看", "the customer has written something else since; look again")
)

// The states of checks. Names are data.
const (
	Waiting = "waiting" // for the platform
	Review  = "review"  // for a person
	Passed  = "passed"  // shown to other customers
	Refused = "refused"
)

// Why something waits or is to be reviewed. Names are data.
const (
	ReasonUnsure      = "unsure"      // the platform wants a person to look
	ReasonPicture     = "picture"     // verdicts on pictures come later
	ReasonUnreachable = "unreachable" // the platform gave no answer
	ReasonVisit       = "visit"       // the customer's last visit is too long ago for the platform
	ReasonEarlier     = "earlier"     // written before there were checks
	ReasonNoVerdict   = "no_verdict"  // the platform was asked several times and has told nothing
	ReasonUnasked     = "unasked"     // the platform would not take the question
)

// FromCustomers is the source of what customers wrote in a mini-program, as visits say it.
const FromCustomers = "miniapp"

// Piece is what a customer put into a field of theirs: a text, or the address of a picture. An empty one is taken away.
type Piece struct {
	Field   string
	Content string
	Picture bool
}

// Author is who wrote, and in which mini-program.
type Author struct{ CustomerID, AccountID int64 }

// MiniApp is what this package asks of the mini-program platform, for one account.
type MiniApp interface {
	CheckText(ctx context.Context, openID string, scene wecom.ContentScene, text string) (*wecom.ContentVerdict, error)
	CheckPicture(ctx context.Context, openID string, scene wecom.ContentScene, address string) (trace string, err error)
}

// Contents reads what customers wrote.
type Contents interface {
	// WrittenTx gives all pieces that other people may come to see, whoever wrote them; empty ones may be missing.
	WrittenTx(tx *gorm.DB, customerID int64) ([]Piece, error)
}

// Deps is what a Service is made of.
type Deps struct {
	DB      *gorm.DB
	Queue   *work.Queue
	Now     clock.Clock
	MiniApp func(account string) MiniApp
	Logger  *slog.Logger
}

// Service owns the checks. Safe for concurrent use.
type Service struct {
	Deps
	contents Contents
}

// New makes a Service and registers its works. Have its Tick run, and tell it by Reads where contents are.
func New(d Deps) *Service {
	s := &Service{Deps: d}
	work.Handle(d.Queue, workCheck, checkPolicy, s.check)
	return s
}

// Reads says who keeps the contents; once, while parts are put together.
func (s *Service) Reads(c Contents) { s.contents = c }

const (
	// patience is how long somebody who saves a text waits for the platform; after that the text is kept and hidden.
	patience = 3 * time.Second
	// lookAgain is after how long something that is not decided is looked at again.
	lookAgain = 24 * time.Hour
	// asksInAll is how often the platform is asked about one picture before a person is.
	asksInAll = 3
)

// hashOf binds a check to a content.
func hashOf(field, content string) []byte {
	sum := sha256.Sum256([]byte(field + "\x00" + content))
	return sum[:]
}

// finding is what is known of a piece.
type finding struct {
	state, reason string
	label         int
	visit         bool // the next visit is waited for
}

// apply writes a finding into a check at a time.
func (f finding) apply(row *model.ContentCheck, now time.Time) {
	row.State, row.Reason, row.Label, row.UpdatedAt = f.state, f.reason, f.label, now
	row.DueAt = nil
	if (f.state == Waiting || f.state == Review) && !f.visit {
		at := now.Add(lookAgain)
		row.DueAt = &at
	}
}

// foundBy is what a verdict means. What the platform may come to say beyond what is known is no pass.
func foundBy(suggest string, label int) finding {
	switch suggest {
	case wecom.SuggestPass:
		return finding{state: Passed, label: label}
	case wecom.SuggestRisky:
		return finding{state: Refused, label: label}
	}
	return finding{state: Review, reason: ReasonUnsure, label: label}
}
