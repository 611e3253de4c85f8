package intake

import (
	"context"
	"fmt"
	"testing"

	"zhiyin/service/visit"
)

// visits stands for the visit capability.
type visits struct{ h *house }

func (v visits) ChangeAuthorization(_ context.Context, in visit.AuthorizationChange) error {
	if in.OpenID == "stranger" {
		return visit.ErrNobody
	}
	v.h.calls.note("%s of %s: %q at %s", in.Kind, in.OpenID, in.Codes, in.At.Format("15:04:05"))
	return nil
}

func TestP8_PlatformEventsReachWhoActs(t *testing.T) {
	h := open(t)
	h.visits = visits{h}
	push := func(format string, args ...any) {
		t.Helper()
		if err := h.Receive(t.Context(), shop, fmt.Appendf(nil, format, args...), Meta{ReceivedAt: h.clock.Now(), Stale: true}); err != nil {
			t.Fatal(err)
		}
	}
	at := noon.Unix()
	push(`{"ToUserName":"gh_1","FromUserName":"gh_1","CreateTime":%d,"MsgType":"event","Event":"user_authorization_revoke","OpenID":"o1","AppID":"wx1","RevokeInfo":"8"}`, at)
	push("<xml><MsgType>event</MsgType><CreateTime>%d</CreateTime><Event>user_authorization_revoke</Event><OpenID>o2</OpenID><RevokeInfo>6,19</RevokeInfo></xml>", at)
	push(`{"CreateTime":%d,"MsgType":"event","Event":"user_info_modified","OpenID":"o3"}`, at)
	push(`{"CreateTime":%d,"MsgType":"event","Event":"user_authorization_cancellation","OpenID":"o4"}`, at)
	push(`{"CreateTime":%d,"MsgType":"event","Event":"user_authorization_cancellation","OpenID":"stranger"}`, at)
	push(`{"CreateTime":%d,"MsgType":"event","Event":"user_authorization_cancellation"}`, at)
	h.settle()
	for _, want := range []string{
		`user_authorization_revoke of o1: ["8"] at 04:00:00`, `user_authorization_revoke of o2: ["6" "19"]`, "user_info_modified of o3", "user_authorization_cancellation of o4",
	} {
		if h.calls.count(want) != 1 {
			t.Errorf("no %q among %q", want, h.calls.list)
		}
	}
	if s := h.states(); s[StateDone] != 4 || s[StateFailed] != 2 {
		t.Errorf("got %v", s)
	}
}
