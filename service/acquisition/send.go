package acquisition

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach/message"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// welcomePolicy: somebody waits for seconds only, so tries follow each other quickly until the
// deadline ends them.
var welcomePolicy = work.Policy{
	MaxAttempts: 200,
	Timeout:     welcomeLife,
	Backoff:     func(attempt int) time.Duration { return 200 * time.Millisecond * time.Duration(min(attempt, 5)) },
}

// errNoMedia says that a welcome of pictures alone can't be sent yet.
var errNoMedia = errors.New("the platform does not have the welcome's media")

const (
	nameWait   = 2 * time.Second // for the customer's name, when only the platform knows it
	recordWait = 5 * time.Second // for the database, to keep what the platform said
)

// welcoming is one attempt to send one welcome.
type welcoming struct {
	s     *Service
	db    *gorm.DB
	corp  Platform
	due   *dueWelcome
	code  string
	lease *work.Lease
	// note is why it was not sent as it was meant.
	note string
	// media that went along: when the platform no longer has them they are uploaded again.
	media []int64
}

// sendWelcome makes one attempt. Its row says pending until the outcome is known; what nobody could
// send in time is found by SweepWelcomes.
func (s *Service) sendWelcome(ctx context.Context, l *work.Lease, in welcomePayload) error {
	due, err := welcomeToSend(s.db.WithContext(ctx), in.SendID)
	if err != nil || due == nil || due.Outcome != OutcomePending {
		return err
	}
	deadline := l.Deadline
	if deadline.IsZero() {
		deadline = due.ReceivedAt.Add(welcomeLife)
	}
	left := deadline.Sub(s.now())
	if left <= 0 {
		return work.Cancel("deadline")
	}
	// What the platform said is kept even when this attempt is being ended.
	keep, done := context.WithTimeout(context.WithoutCancel(ctx), left+recordWait)
	defer done()
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	w := &welcoming{s: s, db: s.db.WithContext(keep), corp: s.corp(due.AccountName), due: due, code: in.Code, lease: l}
	return w.run(ctx)
}

func (w *welcoming) run(ctx context.Context) error {
	chosen, err := w.choose()
	if err != nil {
		return err
	}
	if chosen == nil {
		return w.finish(OutcomeNone, nil)
	}
	w.due.WelcomeID = chosen.ID
	message, err := w.compose(ctx, chosen)
	if err != nil {
		return err
	}
	if message.Text == "" && len(message.Attachments) == 0 {
		return w.again(errNoMedia, false)
	}
	return w.conclude(w.deliver(ctx, message))
}

// choose finds the welcome message that applies; nil when there is none.
func (w *welcoming) choose() (*model.Welcome, error) {
	codeID := w.due.ChannelCodeID
	if !w.due.CodeEnabled {
		codeID = 0
	}
	list, err := welcomesFor(w.db, w.due.AccountID, codeID, w.due.StaffID)
	if err != nil {
		return nil, err
	}
	if chosen := choose(list, codeID, w.due.StaffID, nil); chosen != nil && chosen.Scope != ScopeDefault {
		return chosen, nil
	}
	var departments []int64
	if hasDepartment(list) {
		if departments, err = departmentChain(w.db, w.due.AccountID, w.due.MainDepartment); err != nil {
			return nil, err
		}
	}
	return choose(list, codeID, w.due.StaffID, departments), nil
}

func hasDepartment(list []model.Welcome) bool {
	for _, w := range list {
		if w.Scope == ScopeDepartment {
			return true
		}
	}
	return false
}

// compose fills the variables and collects the attachments whose media the platform has.
func (w *welcoming) compose(ctx context.Context, chosen *model.Welcome) (wecom.Welcome, error) {
	content, err := ContentOf(chosen)
	if err != nil {
		return wecom.Welcome{}, err
	}
	pieces, err := parse(content.Text)
	if err != nil {
		return wecom.Welcome{}, fmt.Errorf("text of welcome %d: %w", chosen.ID, err)
	}
	media, err := mediaByIDs(w.db, mediaIn(content.Attachments))
	if err != nil {
		return wecom.Welcome{}, err
	}
	attachments, leftOut := build(content.Attachments, media, w.s.now())
	if leftOut > 0 {
		w.note = fmt.Sprintf("%d of %d attachments left out: the platform does not have their media", leftOut, len(content.Attachments))
	}
	w.media = mediaIn(content.Attachments)
	v := values{
		customer: w.due.CustomerName, staff: w.due.StaffName, alias: w.due.StaffAlias,
		channel: firstOf(w.due.SourceName, w.due.CodeName), corp: w.due.AccountTitle,
	}
	if v.customer == "" && names(pieces, customerName) {
		v.customer = w.askName(ctx)
	}
	return wecom.Welcome{Text: fill(pieces, v), Attachments: attachments}, nil
}

// askName asks the platform once for the name of a customer whom nobody has read yet; a welcome
// without the name is better than one that waits for it.
func (w *welcoming) askName(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, nameWait)
	defer cancel()
	c, err := w.corp.Customer(ctx, w.due.ExternalUserID)
	if err != nil {
		return ""
	}
	return c.Contact.Name
}

// deliver sends the message; when the platform objects to what it carries, once more without.
func (w *welcoming) deliver(ctx context.Context, m wecom.Welcome) error {
	err := w.corp.SendWelcome(ctx, w.code, m)
	if len(m.Attachments) == 0 || !errors.Is(err, wecom.ErrMediaGone) && !errors.Is(err, wecom.ErrBadInput) {
		return err
	}
	if errors.Is(err, wecom.ErrMediaGone) {
		if err := w.s.reupload(w.db, w.media); err != nil {
			return err
		}
	}
	if m.Text == "" {
		return err
	}
	w.note = fmt.Sprintf("all attachments left out: the platform refused them (%d)", wecom.CodeOf(err))
	return w.corp.SendWelcome(ctx, w.code, wecom.Welcome{Text: m.Text})
}

// conclude decides what the platform's answer means; platform documentation, 客户联系, 发送新客户欢迎语.
func (w *welcoming) conclude(err error) error {
	switch {
	case err == nil:
		return w.finish(OutcomeSent, nil)
	case errors.Is(err, wecom.ErrAlreadyWelcomed) && w.mayHaveSent():
		w.note = "the answer to an earlier attempt was lost; the platform has delivered it"
		return w.finish(OutcomeSent, err)
	case errors.Is(err, wecom.ErrAlreadyWelcomed):
		return w.finish(OutcomeTaken, err)
	case mayStillSucceed(err):
		return w.again(err, inDoubt(err))
	}
	return w.finish(OutcomeMissed, err)
}

// mayHaveSent tells whether an earlier attempt of ours can have been the one that was delivered: one
// that ended without an answer, or, its process being dead, without a trace.
func (w *welcoming) mayHaveSent() bool {
	return w.due.InDoubt || w.due.LastFence < w.lease.Fence-1
}

func mayStillSucceed(err error) bool {
	e := (*wecom.Error)(nil)
	if !errors.As(err, &e) {
		return true
	}
	return e.Class == wecom.ClassBusy || e.Class == wecom.ClassRate || e.Class == wecom.ClassToken || e.Class == wecom.ClassUnknown
}

// again keeps what this attempt met with and has another made.
func (w *welcoming) again(err error, doubt bool) error {
	saved := noteAttempt(w.db, w.due.ID, map[string]any{
		"last_fence": w.lease.Fence, "in_doubt": w.due.InDoubt || doubt,
		"errcode": wecom.CodeOf(err), "reason": message.CutChars(reason(err, w.note), 255), "welcome_id": w.due.WelcomeID, "updated_at": w.s.now(),
	})
	return joined(err, saved)
}

// finish ends the welcome, and on a miss asks the staff member to say hello.
func (w *welcoming) finish(outcome string, err error) error {
	return w.s.finishWelcome(w.db.Statement.Context, w.due, outcome, map[string]any{
		"last_fence": w.lease.Fence, "errcode": wecom.CodeOf(err), "reason": message.CutChars(reason(err, w.note), 255), "welcome_id": w.due.WelcomeID,
	})
}

// reason says in a few words, and without anything of the message, how an attempt ended.
func reason(err error, note string) string {
	e := (*wecom.Error)(nil)
	switch {
	case note != "":
		return note
	case errors.As(err, &e):
		return e.Class.String()
	case err != nil:
		return err.Error()
	}
	return ""
}

// joined adds what went wrong while a first error was being dealt with.
func joined(err, also error) error {
	if also == nil {
		return err
	}
	return errors.Join(err, also)
}
