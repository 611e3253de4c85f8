package intake

import (
	"context"
	"fmt"
	"testing"

	"zhiyin/model"
	"zhiyin/service/moderation"
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

// pictures stands for the moderation capability: it waits for one trace, once somebody has noted it.
type pictures struct {
	h     *house
	noted bool
}

func (p *pictures) PictureJudged(_ context.Context, v moderation.PictureVerdict) error {
	if v.Trace == "late" && !p.noted || v.Trace == "other" {
		return moderation.ErrNoTrace
	}
	p.h.calls.note("%s is %s %d %d", v.Trace, v.Suggest, v.Label, v.Code)
	return nil
}

func TestS26_VerdictsOnPicturesReachWhoWaits(t *testing.T) {
	h := open(t)
	waiting := &pictures{h: h}
	h.moderation = waiting
	push := func(account *model.Account, message string) {
		t.Helper()
		if err := h.Receive(t.Context(), account, []byte(message), Meta{ReceivedAt: h.clock.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	const in = `{"ToUserName":"gh_1","FromUserName":"oplatform","CreateTime":1795320000,"MsgType":"event","Event":"wxa_media_check","appid":"wx1","version":2,`
	push(shop, in+`"trace_id":"a","detail":[{"strategy":"content_model","errcode":0,"suggest":"risky","label":20002,"prob":90}],"errcode":0,"errmsg":"ok","result":{"suggest":"risky","label":20002}}`)
	push(shop, in+`"trace_id":"b","errcode":0,"result":{"label":100,"suggest":"pass"}}`)
	push(shop, in+`"trace_id":"c","errcode":-1008,"errmsg":"download failed","result":{"suggest":"","label":0}}`)
	push(shop, "<xml><MsgType>event</MsgType><Event>wxa_media_check</Event><trace_id>d</trace_id><detail><strategy>x</strategy><errcode>0</errcode><suggest>pass</suggest><label>100</label></detail><errcode>0</errcode><result><suggest>review</suggest><label>20001</label></result></xml>")
	push(shop, in+`"errcode":0,"result":{"suggest":"pass","label":100}}`)
	push(acme, in+`"trace_id":"e","errcode":0,"result":{"suggest":"pass","label":100}}`)
	push(shop, in+`"trace_id":"late","errcode":0,"result":{"suggest":"pass","label":100}}`)
	push(shop, in+`"trace_id":"other","errcode":0,"result":{"suggest":"pass","label":100}}`)
	h.settle()
	for _, want := range []string{"a is risky 20002 0", "b is pass 100 0", "c is  0 -1008", "d is review 20001 0"} {
		if h.calls.count(want) != 1 {
			t.Errorf("missing %q: %q", want, h.calls.list)
		}
	}
	if h.calls.count("late is") != 0 || h.calls.count("e is") != 0 {
		t.Errorf("acted too early, or for a corp: %q", h.calls.list)
	}
	// Who asked notes it after the verdict has come; nobody ever notes the other one.
	waiting.noted = true
	h.clock.Advance(traceTime)
	h.settle()
	if h.calls.count("late is pass 100 0") != 1 {
		t.Errorf("the verdict that came first is lost: %q", h.calls.list)
	}
	if s := h.states(); s[StateDone] != 5 || s[StateFailed] != 3 {
		t.Errorf("states %v", s)
	}
}
