package wecom_test

import (
	"bytes"
	"image"
	"image/png"
	"slices"
	"testing"
	"time"

	"zhiyin/wecom"
)

func picture(t *testing.T) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := png.Encode(&buf, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestSimulatedContactWays(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	users := must[[]string](t)(p.corp.FollowUsers(ctx))
	id, qr, err := p.corp.AddContactWay(ctx, wecom.NewContactWay{
		Type: wecom.ContactWayMulti, Scene: wecom.SceneQRCode, State: "k1", Remark: "门店", UserIDs: users[:2],
	})
	if err != nil || id == "" || qr == "" {
		t.Fatalf("got %q, %q, %v", id, qr, err)
	}
	way := must[*wecom.ContactWay](t)(p.corp.ContactWay(ctx, id))
	if !way.SkipVerify || way.State != "k1" || !slices.Equal(way.UserIDs, users[:2]) || way.QRCode != qr {
		t.Errorf("way: %+v", way)
	}
	if err := p.corp.UpdateContactWay(ctx, id, wecom.ContactWayChange{UserIDs: &[]string{users[2]}, SkipVerify: ptr(false)}); err != nil {
		t.Fatal(err)
	}
	way = must[*wecom.ContactWay](t)(p.corp.ContactWay(ctx, id))
	if way.SkipVerify || way.State != "k1" || way.Remark != "门店" || !slices.Equal(way.UserIDs, users[2:3]) {
		t.Errorf("changed way: %+v", way)
	}
	for range 4 {
		if _, _, err := p.corp.AddContactWay(ctx, wecom.NewContactWay{Type: wecom.ContactWaySingle, Scene: wecom.SceneQRCode, UserIDs: users[:1]}); err != nil {
			t.Fatal(err)
		}
	}
	var all []string
	q := wecom.ContactWayQuery{Limit: 2}
	for range 100 {
		ids, next, err := p.corp.ContactWays(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ids...)
		if q.Cursor = next; next == "" {
			break
		}
	}
	if len(all) < 5 || !slices.Contains(all, id) {
		t.Errorf("%d ways listed", len(all))
	}
	for range 2 { // the second time it is gone already
		if err := p.corp.DeleteContactWay(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	_, err = p.corp.ContactWay(ctx, id)
	refused(t, "a deleted way", err, wecom.ErrNotFound)
	refused(t, "changing a deleted way", p.corp.UpdateContactWay(ctx, id, wecom.ContactWayChange{State: ptr("x")}), wecom.ErrNotFound)
}

func TestSimulatedWelcome(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	users := must[[]string](t)(p.corp.FollowUsers(ctx))
	if _, _, err := p.corp.AddContactWay(ctx, wecom.NewContactWay{Type: wecom.ContactWaySingle, Scene: wecom.SceneQRCode, State: "w", UserIDs: users[:1]}); err != nil {
		t.Fatal(err)
	}
	code := func() string {
		t.Helper()
		return p.act("scan", object{"state": "w"})["welcome_code"].(string)
	}
	media := must[*wecom.Media](t)(p.corp.UploadMedia(ctx, wecom.MediaImage, `a"b.png`, picture(t)))
	if media.ID == "" || media.Kind != wecom.MediaImage || media.CreatedAt.IsZero() {
		t.Fatalf("media: %+v", media)
	}
	address := must[string](t)(p.corp.UploadImage(ctx, "c.png", picture(t)))
	first := code()
	err := p.corp.SendWelcome(ctx, first, wecom.Welcome{Text: "您好 & <欢迎>", Attachments: []wecom.Attachment{
		{Image: &wecom.Image{MediaID: media.ID}},
		{Image: &wecom.Image{PicURL: address}},
		{Link: &wecom.Link{Title: "t", URL: "https://example.com/?a=1&b=2"}},
		{MiniProgram: &wecom.MiniProgram{Title: "t", PicMediaID: media.ID, AppID: p.cred["mini"].AppID, Page: "pages/a"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	refused(t, "a second time", p.corp.SendWelcome(ctx, first, wecom.Welcome{Text: "x"}), wecom.ErrAlreadyWelcomed)
	refused(t, "an unknown code", p.corp.SendWelcome(ctx, "nothing", wecom.Welcome{Text: "x"}), wecom.ErrCodeExpired)
	refused(t, "nothing to say", p.corp.SendWelcome(ctx, code(), wecom.Welcome{}), wecom.ErrBadInput)
	refused(t, "an empty attachment", p.corp.SendWelcome(ctx, code(), wecom.Welcome{Attachments: []wecom.Attachment{{}}}), wecom.ErrBadInput)
	old := code()
	p.advance(21 * time.Second)
	refused(t, "an old code", p.corp.SendWelcome(ctx, old, wecom.Welcome{Text: "x"}), wecom.ErrCodeExpired)
	p.advance(wecom.MediaLife + time.Hour)
	refused(t, "expired media", p.corp.SendWelcome(ctx, code(), wecom.Welcome{Attachments: []wecom.Attachment{{Image: &wecom.Image{MediaID: media.ID}}}}), wecom.ErrMediaGone)

	var sent struct {
		Welcomes []struct {
			Text        string
			Attachments []struct{ MsgType string }
		}
	}
	p.control("GET", "/_sim/welcomes", nil, &sent)
	if w := sent.Welcomes[0]; w.Text != "您好 & <欢迎>" || len(w.Attachments) != 4 {
		t.Errorf("the platform has %+v", w)
	}
}

// A welcome whose answer is lost has been sent; it must not be sent again.
func TestSimulatedWelcomeInDoubt(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	users := must[[]string](t)(p.corp.FollowUsers(ctx))
	if _, _, err := p.corp.AddContactWay(ctx, wecom.NewContactWay{Type: wecom.ContactWaySingle, Scene: wecom.SceneQRCode, State: "w", UserIDs: users[:1]}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"drop_after", "half_body", "malformed", "html", "missing_errcode"} {
		before, effects := p.calls("externalcontact/send_welcome_msg"), p.effects("externalcontact/send_welcome_msg")
		p.fault(object{"api": "externalcontact/send_welcome_msg", "kind": kind, "times": 1})
		err := p.corp.SendWelcome(ctx, p.act("scan", object{"state": "w"})["welcome_code"].(string), wecom.Welcome{Text: "x"})
		refused(t, kind, err, wecom.ErrInDoubt)
		if n := p.calls("externalcontact/send_welcome_msg") - before; n != 1 {
			t.Errorf("%s: sent %d times", kind, n)
		}
		if n := p.effects("externalcontact/send_welcome_msg") - effects; n != 1 {
			t.Errorf("%s: %d effects, so nothing was in doubt", kind, n)
		}
	}
}

func TestSimulatedGroups(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	var all []wecom.GroupStatus
	q := wecom.GroupsQuery{Limit: 4}
	for range 100 {
		groups, next, err := p.corp.Groups(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, groups...)
		if q.Cursor = next; next == "" {
			break
		}
	}
	if len(all) != 6 {
		t.Fatalf("%d groups, want 6", len(all))
	}
	g := must[*wecom.Group](t)(p.corp.Group(ctx, all[0].ChatID))
	if g.ChatID != all[0].ChatID || g.OwnerID == "" || g.CreatedAt.IsZero() || len(g.Members) < 2 || g.MemberVersion == "" {
		t.Errorf("group: %+v", g)
	}
	owned, _, err := p.corp.Groups(ctx, wecom.GroupsQuery{OwnerIDs: []string{g.OwnerID}})
	if err != nil || !slices.ContainsFunc(owned, func(s wecom.GroupStatus) bool { return s.ChatID == g.ChatID }) {
		t.Errorf("groups of the owner: %v, %v", owned, err)
	}
	_, err = p.corp.Group(ctx, "wrnothing")
	refused(t, "an unknown group", err, wecom.ErrNotFound)
}

func TestSimulatedMediaBounds(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	for kind, content := range map[wecom.MediaKind][]byte{
		wecom.MediaImage: []byte("no"), "song": picture(t), wecom.MediaVoice: make([]byte, 2<<20+1),
	} {
		_, err := p.corp.UploadMedia(ctx, kind, "x", content)
		refused(t, string(kind), err, wecom.ErrBadInput)
	}
	if p.calls("media/upload") != 0 {
		t.Error("what the platform would refuse was sent")
	}
	if _, err := p.corp.UploadMedia(ctx, wecom.MediaImage, "x.png", bytes.Repeat([]byte("no picture"), 10)); err == nil {
		t.Error("a picture that is none was accepted")
	}
	big := append(picture(t), make([]byte, 9<<20)...)
	if m, err := p.corp.UploadMedia(ctx, wecom.MediaImage, "big.png", big); err != nil || m.ID == "" {
		t.Errorf("9 MB: %v", err)
	}
}
