package acquisition

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach/message"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// maxPlatformRemark is how many characters the platform keeps of a contact way's remark.
const maxPlatformRemark = 30

// refusalLife is how long a member whom the platform refused is left out before being tried again.
const refusalLife = 24 * time.Hour

// plan is what the platform should know of a code now.
type plan struct {
	wanted
	rule string
}

// planCodes decides for several codes at once, in a handful of queries.
func (s *Service) planCodes(tx *gorm.DB, codes []model.ChannelCode) (map[int64]plan, error) {
	now := s.now()
	patterns, err := patternsOf(tx, codes)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, 0, len(patterns))
	for _, p := range patterns {
		ids = append(ids, p.ID)
	}
	candidates, err := candidatesOf(tx, ids, s.day(now), now)
	if err != nil {
		return nil, err
	}
	plans := make(map[int64]plan, len(codes))
	for id, p := range patterns {
		userIDs, rule := decide(now.In(s.zone), candidates[p.ID])
		plans[id] = plan{wanted{message.CutChars(p.Name, maxPlatformRemark), p.SkipVerify, userIDs}, rule}
	}
	return plans, nil
}

// push makes the platform know what is wanted of a code, if it doesn't already. Repeatable.
func (s *Service) push(ctx context.Context, _ *work.Lease, in codePayload) error {
	return outcome(s.tell(ctx, in.CodeID))
}

// tell is push, with what the platform said.
func (s *Service) tell(ctx context.Context, codeID int64) error {
	db := s.db.WithContext(ctx)
	code, account, err := codeAndAccount(db, codeID)
	if err != nil {
		return err
	}
	if code == nil || code.GoneAt != nil || !code.Enabled || !account.Enabled {
		return nil
	}
	pattern, err := patternOf(db, code)
	if err != nil || !pattern.Enabled || pattern.GoneAt != nil {
		return err
	}
	p := &pusher{s: s, db: db, corp: s.corp(account.Name), code: code, members: pattern.ID}
	err = p.run(ctx)
	if note := sentence(err); note != "" {
		err = joined(err, notePush(db, code.ID, note))
	}
	return err
}

// outcome turns a platform error into what the queue should do: put off, give up, or try again.
func outcome(err error) error {
	e := (*wecom.Error)(nil)
	switch {
	case !errors.As(err, &e):
		return err
	case e.Class == wecom.ClassRate:
		return work.Snooze(max(e.RetryAfter, time.Second))
	case e.Retryable() || e.Class == wecom.ClassUnknown:
		return err
	}
	return work.Cancel(fmt.Sprintf("the platform refused %s: %s %d", e.API, e.Class, e.Code))
}

// pusher is one push of one code.
type pusher struct {
	s       *Service
	db      *gorm.DB
	corp    Platform
	code    *model.ChannelCode
	members int64    // the code whose staff serve it: itself, or its pattern
	refused []string // members whom the platform did not take this time
}

// maxReplans bounds how often a push starts over because everybody it named was refused.
const maxReplans = 4

func (p *pusher) run(ctx context.Context) error {
	if err := p.settleCreation(ctx); err != nil {
		return err
	}
	for range maxReplans {
		plans, err := p.s.planCodes(p.db, []model.ChannelCode{*p.code})
		if err != nil {
			return err
		}
		want := plans[p.code.ID]
		if want.rule == ServedByNobody {
			return notePush(p.db, p.code.ID, noteNobody)
		}
		if p.code.ConfigID != "" && p.code.PushedHash == want.hash() {
			return p.renewNote()
		}
		done, err := p.place(ctx, want)
		if err != nil || done {
			return err
		}
	}
	return notePush(p.db, p.code.ID, noteNobody)
}

// place tells the platform and records what it took. It is not done when every member was refused;
// they are left out of the next plan.
func (p *pusher) place(ctx context.Context, want plan) (done bool, err error) {
	// While the platform may be at work nobody can say what it knows. A worker that was overtaken
	// finds another mark and makes the hash unknown, so the code is pushed again.
	mark := "?" + rand.Text()
	if err := updateCode(p.db, p.code.ID, map[string]any{"pushed_hash": mark}); err != nil {
		return false, err
	}
	p.refused = nil
	taken, err := p.tell(ctx, want, want.userIDs)
	if err != nil {
		return false, err
	}
	if len(p.refused) > 0 {
		if err := refuse(p.db, p.members, p.refused, p.s.now().Add(refusalLife)); err != nil {
			return false, err
		}
		if len(taken) == 0 {
			return false, nil
		}
		// Halves were told one after the other; now all that were taken together.
		if err := p.send(ctx, want, taken); err != nil {
			return false, err
		}
	}
	note, err := p.note()
	if err != nil {
		return false, err
	}
	want.userIDs = taken
	return true, recordPush(p.db, p.code.ID, mark, want.hash(), note, p.s.now())
}

// tell gives members to the platform. When it refuses one of them it does not say which, so the
// halves are tried until those who can't be taken stand alone.
func (p *pusher) tell(ctx context.Context, want plan, userIDs []string) (taken []string, err error) {
	err = p.send(ctx, want, userIDs)
	if err == nil {
		return userIDs, nil
	}
	if !refusesMember(err) {
		return nil, err
	}
	if len(userIDs) == 1 {
		p.refused = append(p.refused, userIDs[0])
		return nil, nil
	}
	for _, half := range [][]string{userIDs[:len(userIDs)/2], userIDs[len(userIDs)/2:]} {
		some, err := p.tell(ctx, want, half)
		if err != nil {
			return nil, err
		}
		taken = append(taken, some...)
	}
	return taken, nil
}

// refusesMember tells whether the platform would not have one of the members: not activated or not
// verified, outside of the app's range, without the customer-contact right, unknown.
func refusesMember(err error) bool {
	switch wecom.CodeOf(err) {
	case 41054, 60011, 84074, 60111:
		return true
	}
	return false
}

// send makes or changes the contact way.
func (p *pusher) send(ctx context.Context, want plan, userIDs []string) error {
	if p.code.ConfigID == "" {
		return p.create(ctx, want, userIDs)
	}
	return p.corp.UpdateContactWay(ctx, p.code.ConfigID, wecom.ContactWayChange{
		Remark: &want.name, SkipVerify: &want.skipVerify, State: &p.code.State, UserIDs: &userIDs,
	})
}

// renewNote puts right what an operator reads when nothing has to be pushed.
func (p *pusher) renewNote() error {
	note, err := p.note()
	if err != nil || note == p.code.PushError {
		return err
	}
	return notePush(p.db, p.code.ID, note)
}

// note is what an operator should know while all is well: who is left out.
func (p *pusher) note() (string, error) {
	refused, err := refusedMembers(p.db, p.members, p.s.now())
	if err != nil || len(refused) == 0 {
		return "", err
	}
	return message.CutChars(noteRefused+strings.Join(refused, ", "), 255), nil
}
