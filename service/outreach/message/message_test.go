package message

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/privacy"
	"zhiyin/service/vault"
	"zhiyin/service/work"
)

var noon = time.Date(2026, 11, 29, 4, 0, 0, 0, time.UTC)

// house is the capability over a database with customers 1 (of whom everything is known) and 2 (of whom nothing is).
type house struct {
	*Service
	t       *testing.T
	db      *gorm.DB
	privacy *privacy.Service
	files   map[int64]string
	asked   []int64 // files that were to be uploaded
}

func newHouse(t *testing.T) *house {
	t.Helper()
	db, c := modeltest.DB(t), clock.NewFake(noon)
	v, err := vault.New(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, db: db, files: map[int64]string{5: "image", 6: "file"}}
	h.privacy = privacy.New(db, event.New(work.New(db, c.Now), c.Now), v, c.Now)
	h.Service = New(Deps{DB: db, Now: c.Now, Media: h, Wishes: h.privacy, Stages: func(context.Context) (map[string]string, error) {
		return map[string]string{"active": "活跃"}, nil
	}})
	at := noon
	modeltest.Create(t, db,
		&model.Customer{ID: 1, Name: "小明", City: "杭州", FirstSource: "扫码", FirstSeenAt: at, CreatedAt: at, UpdatedAt: at},
		&model.Customer{ID: 2, FirstSeenAt: at, CreatedAt: at, UpdatedAt: at},
		&model.Account{ID: 3, Kind: "wecom", Name: "a", Title: "知音商店", PlatformID: "ww1", CreatedAt: at, UpdatedAt: at},
		&model.Staff{ID: 4, AccountID: 3, UserID: "li", Name: "李雷", CreatedAt: at, UpdatedAt: at},
		&model.Identity{CustomerID: 1, Kind: "member_number", Scope: "s", Value: "M001", CreatedAt: at},
		&model.CustomerLifecycle{CustomerID: 1, Stage: "active", StageSince: at, ComputedAt: at},
		&model.CustomField{ID: 8, Name: "shoe", Title: "鞋码", Kind: "choices", Choices: "[]", CreatedAt: at, UpdatedAt: at},
		&model.CustomField{ID: 9, Name: "secret", Title: "密", Kind: "text", Choices: "[]", Sealed: true, CreatedAt: at, UpdatedAt: at},
		&model.CustomValue{CustomerID: 1, FieldID: 8, Ordinal: 0, Value: "41", UpdatedAt: at},
		&model.CustomValue{CustomerID: 1, FieldID: 8, Ordinal: 1, Value: "42", UpdatedAt: at},
		&model.CustomValue{CustomerID: 1, FieldID: 9, Value: "never", UpdatedAt: at})
	return h
}

// KindsTx implements Media.
func (h *house) KindsTx(_ *gorm.DB, _ []int64) (map[int64]string, error) { return h.files, nil }

// PrepareTx implements Media.
func (h *house) PrepareTx(_ *gorm.DB, ids []int64) error {
	h.asked = append(h.asked, ids...)
	return nil
}

func text(s string) Input {
	return Input{Name: "问候", Channels: []string{"mass"}, Content: Content{Text: s}, StaffID: 4}
}

func (h *house) create(in Input) *Written {
	h.t.Helper()
	w, err := h.Create(h.t.Context(), in)
	if err != nil {
		h.t.Fatal(err)
	}
	return w
}

// TestV11_TextsAreNoPrograms: a text can name what is on the list, and can do nothing.
func TestV11_TextsAreNoPrograms(t *testing.T) {
	t.Setenv("ZHIYIN_CANARY", "canary-1336")
	h := newHouse(t)
	for _, s := range []string{
		`{{env "ZHIYIN_CANARY"}}`, `{{.}}`, `{{ . }}`, `{{range .}}x{{end}}`, `{{$x := 1}}`, `{{template "x"}}`, `{{printf "%s" 客户昵称}}`, `{{客户昵称 || x}}`, `{{客户昵称|{{员工姓名|x}}}}`,
		`{{call .F}}`, `{{`, `{{客户昵称`, `}}`, `a}}{{客户昵称|b}}`, `{{}}`, `{{字段.}}`, `{{字段.A}}`, `{{字段.../etc}}`, "{{客户昵称\n}}{{x}}", `{{客户昵称|a|b}}`, `{{{客户昵称|b}}}`,
	} {
		for name, c := range map[string]Content{
			"text": {Text: "你好 " + s}, "subject": {Subject: s, Text: "x"}, "card": {Card: &Card{Title: s}},
			"attachment": {Attachments: []Attachment{{Kind: KindLink, Title: s, URL: "https://example.com/"}}},
			"address":    {Attachments: []Attachment{{Kind: KindLink, Title: "x", URL: "https://example.com/" + s}}},
			"keyword":    {Subscribe: &Subscription{TemplateID: "T", Data: []Field{{"thing1", s}}}},
		} {
			in := text("")
			in.Content = c
			if _, err := h.Create(t.Context(), in); !errors.Is(err, ErrVariable) {
				t.Errorf("%s %q: got %v, want ErrVariable", name, s, err)
			}
		}
	}
	if n := modeltest.Count[model.MessageVersion](t, h.db); n != 0 {
		t.Errorf("%d versions were kept", n)
	}
}

// TestS57_ValuesAreInert: what customers call themselves is text and nothing else, in texts and in addresses.
func TestS57_ValuesAreInert(t *testing.T) {
	h := newHouse(t)
	w := h.create(Input{Name: "n", Channels: []string{"mass"}, StaffID: 4, Content: Content{
		Text:        "你好，{{客户昵称|朋友}}",
		Attachments: []Attachment{{Kind: KindLink, Title: "看看", URL: "https://example.com/u?n={{客户昵称|}}&c={{券码}}"}},
	}})
	for _, tt := range []struct{ name, want, address string }{
		{"{{员工姓名}}", "{{员工姓名}}", "%7B%7B%E5%91%98%E5%B7%A5%E5%A7%93%E5%90%8D%7D%7D"},
		{"<a href=x>点</a>", "＜a href=x＞点＜/a＞", ""},
		{"a\r\nBcc: x\x00\u202e", "a  Bcc: x", ""},
		{"x&c=1#/../", "x&c=1#/../", "x%26c%3D1%23%2F..%2F"},
		{"   ", "朋友", ""},
		{strings.Repeat("长", 99), strings.Repeat("长", 32), ""},
		{"👨‍👩‍👧", "👨‍👩‍👧", ""},
	} {
		if err := h.db.Model(&model.Customer{}).Where("id = 1").Update("name", tt.name).Error; err != nil {
			t.Fatal(err)
		}
		got, err := h.Render(t.Context(), w.Version.ID, []Recipient{{CustomerID: 1, Values: map[string]string{VarCode: "A1"}}})
		if err != nil {
			t.Fatal(err)
		}
		if got[0].Text != "你好，"+tt.want {
			t.Errorf("%q: got %q", tt.name, got[0].Text)
		}
		if a := got[0].Attachments[0].URL; tt.address != "" && a != "https://example.com/u?n="+tt.address+"&c=A1" {
			t.Errorf("%q: got address %q", tt.name, a)
		}
	}
}

// TestRender: what is known is put in, what is not falls back, and what only the planner knows must be there.
func TestRender(t *testing.T) {
	h := newHouse(t)
	all := "{{客户昵称|朋友}}/{{员工姓名|我}}/{{员工别名|我}}/{{企业|我们}}/{{渠道|别处}}/{{城市|这里}}/{{会员号|无}}/{{生命周期阶段|新客}}/{{字段.shoe|均码}}/{{字段.secret|保密}}"
	w := h.create(text(all + "/{{券码}}"))
	to := []Recipient{
		{CustomerID: 1, StaffID: 4, AccountID: 3, Values: map[string]string{VarCode: "A1", "客户昵称": "冒名"}},
		{CustomerID: 2, Values: map[string]string{VarCode: "A2"}}, {CustomerID: 1, StaffID: 4, AccountID: 3}, {Values: map[string]string{VarCode: "A3"}},
	}
	read := func() (out []string) {
		t.Helper()
		got, err := h.Render(t.Context(), w.Version.ID, to)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range got {
			out = append(out, r.Text+r.Missing)
		}
		return out
	}
	const nothing = "朋友/我/我/我们/别处/这里/无/新客/均码/保密/"
	if got, want := read(), []string{"小明/李雷/李雷/知音商店/扫码/杭州/M001/活跃/41、42/保密/A1", nothing + "A2", VarCode, nothing + "A3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// Who refuses to be targeted is not told what we think of them.
	if err := h.privacy.Decide(t.Context(), privacy.Decision{CustomerID: 1, Purpose: privacy.Targeting, Channel: privacy.ByMiniApp}); err != nil {
		t.Fatal(err)
	}
	if got := read()[0]; got != "小明/李雷/李雷/知音商店/扫码/杭州/M001/新客/41、42/保密/A1" {
		t.Errorf("refuses targeting: got %q", got)
	}
	if _, err := h.Render(t.Context(), 999, to); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such version: got %v", err)
	}
}

// TestRenderMany takes a number of statements that does not grow with the recipients of a part.
func TestRenderMany(t *testing.T) {
	h := newHouse(t)
	w := h.create(text("{{客户昵称|朋友}}{{城市|}}{{会员号|}}{{字段.shoe|}}"))
	count := func(n int) (statements int) {
		to := make([]Recipient, n)
		for i := range to {
			to[i].CustomerID = int64(i + 1)
		}
		if err := h.db.Callback().Query().After("gorm:query").Register("count", func(*gorm.DB) { statements++ }); err != nil {
			t.Fatal(err)
		}
		defer h.db.Callback().Query().Remove("count")
		got, err := h.Render(t.Context(), w.Version.ID, to)
		if err != nil || len(got) != n || got[0].Text != "小明杭州M00141、42" || n > 1 && got[n-1].Text != "朋友" {
			t.Fatalf("got %d, %+v, %v", len(got), got[0], err)
		}
		return statements
	}
	count(1)
	if one, many := count(1), count(chunkPeople); many != one || many > 4 {
		t.Errorf("%d statements for %d recipients, %d for one", many, chunkPeople, one)
	}
}

// TestBounds: what a platform would refuse is refused when it is written, with the longest values.
func TestBounds(t *testing.T) {
	h := newHouse(t)
	link := func(a Attachment) Content { a.Kind = KindLink; return Content{Attachments: []Attachment{a}} }
	for _, tt := range []struct {
		name     string
		channels []string
		content  Content
		field    string // that is wrong; empty: none
	}{
		{"exactly as long as it may be", []string{"mass"}, Content{Text: strings.Repeat("x", 4000)}, ""},
		{"a byte too long", []string{"mass"}, Content{Text: strings.Repeat("x", 4001)}, "text@mass"},
		{"with the longest name", []string{"mass"}, Content{Text: strings.Repeat("x", 3872) + "{{客户昵称|}}"}, ""},
		{"too long with the longest name", []string{"mass"}, Content{Text: strings.Repeat("x", 3873) + "{{客户昵称|}}"}, "text@mass"},
		{"in characters", []string{"sms"}, Content{Text: strings.Repeat("字", 500)}, ""},
		{"too many characters", []string{"sms"}, Content{Text: strings.Repeat("字", 501)}, "text@sms"},
		{"of two channels one is narrower", []string{"mass", "app"}, Content{Text: strings.Repeat("x", 2049)}, "text@app"},
		{"nothing", []string{"mass"}, Content{}, "text"},
		{"no channel", nil, Content{Text: "x"}, "channels"},
		{"unknown channel", []string{"pigeon"}, Content{Text: "x"}, "channels"},
		{"nothing that the channel carries", []string{"sms"}, Content{Card: &Card{Title: "x"}}, "channels"},
		{"no fallback", []string{"mass"}, Content{Text: "{{客户昵称}}"}, "text"},
		{"a planner's variable has none", []string{"mass"}, Content{Text: "{{券码}}"}, ""},
		{"an e-mail without a subject", []string{"email"}, Content{Text: "x"}, "subject@email"},
		{"an e-mail", []string{"email"}, Content{Subject: "x", Text: "x"}, ""},
		{"a picture", []string{"mass"}, Content{Attachments: []Attachment{{Kind: KindImage, MediaID: 5}}}, ""},
		{"a file as a picture", []string{"mass"}, Content{Attachments: []Attachment{{Kind: KindImage, MediaID: 6}}}, "attachments[0].media_id"},
		{"ten pictures", []string{"mass"}, Content{Attachments: slices.Repeat([]Attachment{{Kind: KindImage, MediaID: 5}}, 10)}, "attachments"},
		{"a link", []string{"mass"}, link(Attachment{Title: "x", URL: "https://example.com"}), ""},
		{"variables in path and query", []string{"mass"}, link(Attachment{Title: "x", URL: "https://example.com/{{券码}}?c={{客户昵称|}}"}), ""},
		{"an address from the planner", []string{"mass"}, link(Attachment{Title: "x", URL: "{{链接}}"}), ""},
		{"a variable as host", []string{"mass"}, link(Attachment{Title: "x", URL: "https://{{券码}}/"}), "attachments[0].url"},
		{"a variable at the end of the host", []string{"mass"}, link(Attachment{Title: "x", URL: "https://example.com{{券码}}"}), "attachments[0].url"},
		{"a variable as scheme", []string{"mass"}, link(Attachment{Title: "x", URL: "{{券码}}://example.com"}), "attachments[0].url"},
		{"a script", []string{"mass"}, link(Attachment{Title: "x", URL: "javascript:alert(1)"}), "attachments[0].url"},
		{"somebody's password in it", []string{"mass"}, link(Attachment{Title: "x", URL: "https://a:b@example.com/"}), "attachments[0].url"},
		{"a mini-program", []string{"mass"}, Content{Attachments: []Attachment{{Kind: KindMiniApp, MediaID: 5, Title: "x", AppID: "wx1234567890", Page: "pages/a"}}}, ""},
		{"a mini-program of no id", []string{"mass"}, Content{Attachments: []Attachment{{Kind: KindMiniApp, MediaID: 5, Title: "x", AppID: "1", Page: "p"}}}, "attachments[0].app_id"},
		{"a subscribe message", []string{"subscribe"}, Content{Subscribe: &Subscription{TemplateID: "T", Data: []Field{{"thing1", "{{客户昵称|您}}"}, {"time2", "{{到期日}}"}}}}, ""},
		{"an unknown keyword", []string{"subscribe"}, Content{Subscribe: &Subscription{TemplateID: "T", Data: []Field{{"nothing1", "x"}}}}, "subscribe.data[0].name"},
		{"a keyword that may be empty", []string{"subscribe"}, Content{Subscribe: &Subscription{TemplateID: "T", Data: []Field{{"thing1", "{{客户昵称|}}"}}}}, "subscribe.data[0].value"},
		{"a keyword that is too long", []string{"subscribe"}, Content{Subscribe: &Subscription{TemplateID: "T", Data: []Field{{"thing1", strings.Repeat("字", 21)}}}}, "subscribe.data[0].value"},
		{"a card", []string{"app"}, Content{Card: &Card{Title: "x", Button: "查看详情", Fields: []Field{{"人数", "12"}}}}, ""},
		{"a button that is too long", []string{"app"}, Content{Card: &Card{Title: "x", Button: "查看更多详情"}}, "card.button@app"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := h.Check(t.Context(), Input{Name: "n", Channels: tt.channels, Content: tt.content, StaffID: 4})
			if tt.field == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "; "+tt.field+":") {
				t.Errorf("got %v, want %s", err, tt.field)
			}
		})
	}
}

// TestKeywordsAreCut: the platform takes no long keywords of a subscribe message.
func TestKeywordsAreCut(t *testing.T) {
	h := newHouse(t)
	w := h.create(Input{Name: "n", Channels: []string{"subscribe"}, StaffID: 4, Content: Content{Subscribe: &Subscription{TemplateID: "T", Data: []Field{{"thing1", "尊敬的{{客户昵称|您}}"}}}}})
	if err := h.db.Model(&model.Customer{}).Where("id = 1").Update("name", strings.Repeat("长", 30)).Error; err != nil {
		t.Fatal(err)
	}
	got, err := h.Render(t.Context(), w.Version.ID, []Recipient{{CustomerID: 1}})
	if err != nil || got[0].Subscribe.Data[0].Value != "尊敬的"+strings.Repeat("长", 17) {
		t.Errorf("got %+v, %v", got[0].Subscribe, err)
	}
}

// TestP20_Check: absolute claims, sensitive words and links to elsewhere are found, however they are written, and a second person has to accept them.
func TestP20_Check(t *testing.T) {
	h := newHouse(t)
	p, err := h.Policy(t.Context())
	if err != nil || p.Revision != 0 || p.check() != nil {
		t.Fatalf("the default: %v, %v", err, p.check())
	}
	p.Words, p.Hosts = append(p.Words, "赌博"), []string{"example.com"}
	if _, err := h.SavePolicy(t.Context(), *p, 4); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SavePolicy(t.Context(), *p, 4); !errors.Is(err, ErrPolicyOld) {
		t.Errorf("a stale policy: got %v", err)
	}
	for _, tt := range []struct{ text, want string }{
		{"欢迎光临", ""}, {"全场最低价", "absolute 最低"}, {"全场最 低价", "absolute 最低"}, {"最\u200b低", "absolute 最低"}, {"最-低", "absolute 最低"},
		{"１００％ 有效", "absolute 100%"}, {"销量第一", "absolute 第一"}, {"第一次来", ""}, {"赌.博", "word 赌博"}, {"看 https://example.com/a", ""},
		{"看 https://shop.example.com", ""}, {"看 https://evil.test/a", "link https://evil.test/a"}, {"看 https://notexample.com", "link https://notexample.com"},
		{"看 evil.com/x", "link evil.com/x"}, {"看 https://example.com.evil.cn", "link https://example.com.evil.cn"}, {"看 https://example.com@evil.cn", "link https://example.com@evil.cn"},
	} {
		found, err := h.Check(t.Context(), text(tt.text))
		got := ""
		if len(found) > 0 {
			got = found[0].Kind + " " + found[0].Text
		}
		if err != nil || got != tt.want || len(found) > 1 {
			t.Errorf("%q: got %+v, %v; want %q", tt.text, found, err, tt.want)
		}
	}

	fine, bad := h.create(text("欢迎")), h.create(text("全场最低价"))
	usable := func(id int64) error { return h.Usable(t.Context(), id, "mass", []Kind{KindText}) }
	if err := usable(fine.Version.ID); err != nil {
		t.Errorf("nothing found: got %v", err)
	}
	if err := usable(bad.Version.ID); !errors.Is(err, ErrFound) || !strings.Contains(err.Error(), "最低") {
		t.Errorf("found: got %v", err)
	}
	if err := h.Accept(t.Context(), bad.Version.ID, 4); !errors.Is(err, ErrOwn) {
		t.Errorf("accepted by its author: got %v", err)
	}
	if err := h.Accept(t.Context(), bad.Version.ID, 77); err != nil {
		t.Fatal(err)
	}
	if err := usable(bad.Version.ID); err != nil {
		t.Errorf("accepted: got %v", err)
	}
	// What is forbidden later was not accepted, and holds for what was fine.
	p, _ = h.Policy(t.Context())
	p.Words = append(p.Words, "全场", "欢迎")
	if _, err := h.SavePolicy(t.Context(), *p, 4); err != nil {
		t.Fatal(err)
	}
	for _, w := range []*Written{fine, bad} {
		if err := usable(w.Version.ID); !errors.Is(err, ErrFound) {
			t.Errorf("after stricter rules: got %v", err)
		}
	}
	if err := h.Usable(t.Context(), fine.Version.ID, "sms", []Kind{KindText}); !errors.Is(err, ErrCantCarry) {
		t.Errorf("by another channel: got %v", err)
	}
	if err := h.Usable(t.Context(), fine.Version.ID, "mass", []Kind{KindCard}); !errors.Is(err, ErrCantCarry) {
		t.Errorf("by a channel that can't carry it: got %v", err)
	}
}

// TestVersions: what is said never changes; each edit is a version of its own, and nobody's is overwritten.
func TestVersions(t *testing.T) {
	h := newHouse(t)
	first := h.create(Input{Name: "n", Channels: []string{"mass", "inbox", "mass"}, StaffID: 4, Content: Content{Text: "一", Attachments: []Attachment{{Kind: KindImage, MediaID: 5}}}})
	if first.Version.Version != 1 || first.Version.Personal || !slices.Equal(h.asked, []int64{5}) || !slices.Equal(first.Channels, []string{"inbox", "mass"}) {
		t.Errorf("got %+v, uploads %v", first, h.asked)
	}
	id := first.Message.ID
	in := text("{{客户昵称|二}}")
	second, err := h.Edit(t.Context(), id, 1, in)
	if err != nil || second.Version.Version != 2 || !second.Version.Personal || second.Name != "问候" {
		t.Fatalf("got %+v, %v", second, err)
	}
	if _, err := h.Edit(t.Context(), id, 1, in); !errors.Is(err, ErrStale) {
		t.Errorf("a stale edit: got %v", err)
	}
	in.Name = "改名"
	if same, err := h.Edit(t.Context(), id, 2, in); err != nil || same.Version.ID != second.Version.ID || same.Name != "改名" {
		t.Errorf("a rename makes no version: got %+v, %v", same, err)
	}
	if old, err := h.Get(t.Context(), id, 1); err != nil || old.Content.Text != "一" || old.Version.ID != first.Version.ID {
		t.Errorf("got %+v, %v", old, err)
	}
	list, err := h.List(t.Context(), Filter{Name: "改", Limit: 10})
	if err != nil || len(list) != 1 || list[0].Version.Version != 2 {
		t.Errorf("got %+v, %v", list, err)
	}
	if versions, err := h.Versions(t.Context(), id); err != nil || len(versions) != 2 {
		t.Errorf("got %+v, %v", versions, err)
	}
	hashes, err := h.HashesTx(h.db, []int64{first.Version.ID, second.Version.ID, 99})
	if err != nil || len(hashes) != 2 || hashes[first.Version.ID] == hashes[second.Version.ID] {
		t.Errorf("hashes: %v, %v", slices.Collect(maps.Keys(hashes)), err)
	}
	for range 1 {
		if err := h.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Get(t.Context(), id, 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted: got %v", err)
	}
	if got, err := h.Render(t.Context(), second.Version.ID, []Recipient{{CustomerID: 2}}); err != nil || got[0].Text != "二" {
		t.Errorf("what was planned with it: got %+v, %v", got, err)
	}
}

// TestPreview: each channel shows what it carries, and what only the planner knows stands in brackets.
func TestPreview(t *testing.T) {
	h := newHouse(t)
	in := Input{Name: "n", Channels: []string{"sms", "inbox"}, StaffID: 4, Content: Content{Subject: "给{{客户昵称|您}}", Text: "码 {{券码}}", Card: &Card{Title: "卡"}}}
	got, err := h.Preview(t.Context(), in, Recipient{CustomerID: 1, StaffID: 4})
	if err != nil {
		t.Fatal(err)
	}
	if sms := got["sms"]; sms.Text != "码 ［券码］" || sms.Subject != "" || sms.Card != nil {
		t.Errorf("sms: %+v", sms)
	}
	if inbox := got["inbox"]; inbox.Subject != "给小明" || inbox.Card == nil {
		t.Errorf("inbox: %+v", inbox)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "{{客户昵称|x}}", "{{", "}}", "a{{券码}}b", "{{{", "{{券码}}}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		pieces, err := Parse(s, isVariable)
		if err != nil {
			return
		}
		var back strings.Builder
		for _, p := range pieces {
			if p.Variable == "" {
				if strings.Contains(p.Literal, "{{") || strings.Contains(p.Literal, "}}") {
					t.Errorf("%q: braces are left in %q", s, p.Literal)
				}
				back.WriteString(p.Literal)
				continue
			}
			if !isVariable(p.Variable) || strings.ContainsAny(p.Fallback, "{}") {
				t.Errorf("%q: got %+v", s, p)
			}
		}
		if !strings.Contains(s, "{{") && back.String() != s {
			t.Errorf("%q became %q", s, back.String())
		}
	})
}
