package intake

import (
	"context"
	"errors"
	"strconv"
	"time"

	"zhiyin/service/account"
	"zhiyin/service/moderation"
	"zhiyin/service/visit"
)

// authorizationChanged acts on what a mini-program's users took back at the platform. There is no truth to
// read, so a stale push counts like any other: its time decides what it takes back.
func (s *Service) authorizationChanged(ctx context.Context, e Event) error {
	openid := e.Get("OpenID")
	if openid == "" || e.Account.Kind != account.KindMiniApp {
		return errUseless{"the message names no user of a mini-program"}
	}
	err := s.visits.ChangeAuthorization(ctx, visit.AuthorizationChange{
		Account: e.Account, Kind: e.Kind, OpenID: openid, Codes: e.List("RevokeInfo"), At: e.when(),
	})
	return useless(err, visit.ErrNobody)
}

// traceTime is how long a verdict waits for whoever asked to note that they did: the platform may be quicker.
const traceTime = 2 * time.Minute

// pictureJudged acts on the platform's verdict on a picture. Any other system that asks in the mini-program's name has its
// verdicts pushed here too.
func (s *Service) pictureJudged(ctx context.Context, e Event) error {
	v := moderation.PictureVerdict{Trace: e.Get("trace_id")}
	v.Code, _ = strconv.Atoi(e.Get("errcode"))
	for _, text := range e.List("result") { // a suggestion and a label, in whatever order
		if n, err := strconv.Atoi(text); err == nil {
			v.Label = n
		} else if v.Suggest == "" {
			v.Suggest = text
		}
	}
	if v.Trace == "" || v.Suggest == "" && v.Code == 0 || e.Account.Kind != account.KindMiniApp {
		return errUseless{"the message names no verdict on a picture of a mini-program"}
	}
	err := s.moderation.PictureJudged(ctx, v)
	if errors.Is(err, moderation.ErrNoTrace) && s.now().Sub(e.ReceivedAt) >= traceTime {
		return errUseless{"nobody waits for this verdict"}
	}
	return err
}
