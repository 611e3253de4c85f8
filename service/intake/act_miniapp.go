package intake

import (
	"context"

	"zhiyin/service/account"
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
