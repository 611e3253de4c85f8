package wecom_test

import (
	"testing"

	"zhiyin/wecom"
)

// TestSimulatedConversion: somebody who is nobody's customer waits under a pending id; a customer is known
// by the external user id.
func TestSimulatedConversion(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	stranger := p.act("login", object{})
	union, open := stranger["unionid"].(string), stranger["openid"].(string)
	got := must[wecom.Converted](t)(p.corp.ConvertUnionID(ctx, union, open))
	if got.PendingID == "" || got.ExternalUserID != "" {
		t.Fatalf("a stranger: %+v", got)
	}
	if again := must[wecom.Converted](t)(p.corp.ConvertUnionID(ctx, union, open)); again != got {
		t.Errorf("asked again: %+v, before %+v", again, got)
	}
	users := must[[]string](t)(p.corp.FollowUsers(ctx))
	added := p.act("add", object{"userid": users[0], "person": stranger["person"]})
	ext := added["external_userid"].(string)
	if got := must[wecom.Converted](t)(p.corp.ConvertUnionID(ctx, union, open)); got.ExternalUserID != ext || got.PendingID != "" {
		t.Errorf("a customer: %+v", got)
	}
	ids := must[map[string]string](t)(p.corp.PendingIDs(ctx, []string{ext, "wmnobody"}))
	if len(ids) != 1 || ids[ext] != got.PendingID {
		t.Errorf("pending ids: %v", ids)
	}
	_, err := p.corp.ConvertUnionID(ctx, "oUnobody", open)
	refused(t, "a unionid of somebody else", err, wecom.ErrNotConvertible)
	_, err = p.corp.ConvertUnionID(ctx, union, "")
	refused(t, "no openid", err, wecom.ErrBadInput)
	_, err = p.corp.PendingIDs(ctx, make([]string, 101))
	refused(t, "too many", err, wecom.ErrBadInput)
}
