package acquisition

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/fault"
)

func TestChooseTheClosest(t *testing.T) {
	of := func(scope string, id int64, enabled bool) model.Welcome {
		return model.Welcome{Scope: scope, ScopeID: id, Enabled: enabled}
	}
	code, person := of(ScopeChannelCode, 1, true), of(ScopeStaff, 2, true)
	team, division := of(ScopeDepartment, 10, true), of(ScopeDepartment, 20, true)
	all := of(ScopeDefault, 0, true)
	chain := []int64{10, 20, 30}
	tests := []struct {
		name  string
		list  []model.Welcome
		chain []int64
		want  *model.Welcome
	}{
		{"channel code first", []model.Welcome{all, division, team, person, code}, chain, &code},
		{"then staff", []model.Welcome{all, division, team, person}, chain, &person},
		{"then the nearest department", []model.Welcome{all, division, team}, chain, &team},
		{"then one above it", []model.Welcome{all, division}, chain, &division},
		{"then the default", []model.Welcome{all}, chain, &all},
		{"a department elsewhere does not count", []model.Welcome{team, all}, []int64{30}, &all},
		{"another code's does not count", []model.Welcome{of(ScopeChannelCode, 9, true), all}, chain, &all},
		{"a disabled one lets the next apply", []model.Welcome{of(ScopeChannelCode, 1, false), of(ScopeStaff, 2, false), all}, chain, &all},
		{"none", nil, chain, nil},
		{"all disabled", []model.Welcome{of(ScopeDefault, 0, false)}, chain, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := choose(tt.list, 1, 2, tt.chain)
			if (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	if got := choose([]model.Welcome{of(ScopeChannelCode, 0, true)}, 0, 2, nil); got != nil {
		t.Errorf("a customer without a code got a code's welcome: %+v", got)
	}
}

func (h *house) welcome(scope string, id int64, text string, attachments ...Attachment) *model.Welcome {
	h.t.Helper()
	w, err := h.SaveWelcome(h.t.Context(), WelcomeInput{
		AccountID: h.account.ID, Scope: scope, ScopeID: id, WelcomeContent: WelcomeContent{text, attachments}, Enabled: true,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return w
}

func (h *house) due(code string) WelcomeDue {
	return WelcomeDue{Account: h.account, UserID: "Anna", ExternalUserID: "wm1", WelcomeCode: code, ReceivedAt: h.clock.Now()}
}

func (h *house) receive(due WelcomeDue) {
	h.t.Helper()
	h.inTx(func(tx *gorm.DB) error { return h.ReceiveWelcomes(tx, due) })
}

func (h *house) send() model.WelcomeSend {
	h.t.Helper()
	var w model.WelcomeSend
	if err := h.db.Order("id DESC").Take(&w).Error; err != nil {
		h.t.Fatal(err)
	}
	return w
}

func (h *house) texts() []string {
	h.fake.mu.Lock()
	defer h.fake.mu.Unlock()
	var list []string
	for _, w := range h.fake.sent {
		list = append(list, w.Text)
	}
	return list
}

func TestWelcomeIsSentOnce(t *testing.T) {
	h := newHouse(t, "anna")
	code := h.code(h.member("anna"))
	h.mustWork()
	h.welcome(ScopeDefault, 0, "{{客户昵称}}你好，我是{{员工姓名}}，欢迎从{{渠道}}来到{{企业}}")
	person := &model.Customer{Name: "小明", FirstSeenAt: noon}
	modeltest.Create(t, h.db, person)
	modeltest.Create(t, h.db, &model.Identity{CustomerID: person.ID, Kind: "external_userid", Scope: "ww1", Value: "wm1"})
	due := h.due("secretcode")
	due.State = code.State
	var wg sync.WaitGroup
	for range 5 { // the same event, again and on several replicas at once
		wg.Go(func() {
			if err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error { return h.ReceiveWelcomes(tx, due) }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := h.works(workWelcome); n != 1 {
		t.Fatalf("queued %d welcomes, want 1", n)
	}
	var w model.Work
	if err := h.db.Take(&w, "kind = ?", workWelcome).Error; err != nil {
		t.Fatal(err)
	}
	if w.Lane != 0 || w.Deadline == nil || !w.Deadline.Equal(noon.Add(19*time.Second)) {
		t.Errorf("work: lane %d, deadline %v", w.Lane, w.Deadline)
	}
	h.clock.Advance(400 * time.Millisecond)
	h.mustWork()
	h.receive(due)
	h.mustWork()
	if got := fmt.Sprint(h.texts()); got != "[小明你好，我是name of anna，欢迎从门店海报来到知音商店]" {
		t.Errorf("sent %s", got)
	}
	h.wantCalls("customer", 0)
	s := h.send()
	if s.Outcome != OutcomeSent || s.LatencyMS != 400 || s.SentAt == nil || s.ChannelCodeID != code.ID || s.WelcomeID == 0 || s.StaffID != h.staff["anna"].ID {
		t.Errorf("row: %+v", s)
	}
	latency := measured(t, h.metrics.latency).GetHistogram()
	if latency.GetSampleCount() != 1 || latency.GetSampleSum() != .4 || measured(t, h.metrics.welcomes.WithLabelValues(OutcomeSent)).GetCounter().GetValue() != 1 {
		t.Error("the welcome is not in the metrics")
	}
	if n := modeltest.Count[model.Task](t, h.db); n != 0 {
		t.Errorf("%d tasks for a welcome that was sent", n)
	}
}

func TestWelcomeScopes(t *testing.T) {
	h := newHouse(t, "anna")
	root := &model.Department{AccountID: h.account.ID, PlatformID: 1}
	team := &model.Department{AccountID: h.account.ID, PlatformID: 5, ParentPlatformID: 3}
	division := &model.Department{AccountID: h.account.ID, PlatformID: 3, ParentPlatformID: 1}
	modeltest.Create(t, h.db, root, team, division)
	if err := h.db.Model(h.staff["anna"]).UpdateColumn("main_department", 5).Error; err != nil {
		t.Fatal(err)
	}
	code := h.code(h.member("anna"))
	h.mustWork()
	n := 0
	expect := func(step, want string) {
		t.Helper()
		n++
		due := h.due(fmt.Sprint("code", n))
		due.State = code.State
		h.receive(due)
		h.mustWork()
		got := ""
		if texts := h.texts(); h.send().Outcome == OutcomeSent {
			got = texts[len(texts)-1]
		}
		if got != want {
			t.Errorf("%s: sent %q, want %q", step, got, want)
		}
	}
	expect("nothing is set", "")
	if got := h.send().Outcome; got != OutcomeNone {
		t.Errorf("nothing is set: outcome %s", got)
	}
	h.welcome(ScopeDefault, 0, "default")
	expect("default", "default")
	h.welcome(ScopeDepartment, root.ID, "root")
	expect("of the topmost department", "root")
	h.welcome(ScopeDepartment, division.ID, "division")
	expect("of the division", "division")
	w := h.welcome(ScopeStaff, h.staff["anna"].ID, "staff")
	expect("of the staff member", "staff")
	h.welcome(ScopeChannelCode, code.ID, "code")
	expect("of the channel code", "code")
	if err := h.SetCodeEnabled(t.Context(), code.ID, false); err != nil {
		t.Fatal(err)
	}
	expect("the code is switched off", "staff")
	if err := h.DeleteWelcome(t.Context(), w.ID); err != nil {
		t.Fatal(err)
	}
	expect("the staff member's is deleted", "division")
	if _, err := h.Welcome(t.Context(), w.ID); !errors.Is(err, ErrWelcomeNotFound) {
		t.Errorf("deleted welcome: %v", err)
	}
	if list, err := h.Welcomes(t.Context(), h.account.ID); err != nil || len(list) != 3 {
		t.Errorf("list: %d, %v", len(list), err)
	}
}

func TestWelcomeAsksForAnUnknownNameOnceAndNotLong(t *testing.T) {
	h := newHouse(t, "anna")
	h.welcome(ScopeDefault, 0, "你好{{客户昵称}}")
	h.fake.name = "小红"
	h.receive(h.due("one"))
	h.mustWork()
	h.fake.failOnce("customer", lost(), false)
	h.receive(h.due("two"))
	h.mustWork()
	if got := fmt.Sprint(h.texts()); got != "[你好小红 你好朋友]" {
		t.Errorf("sent %s", got)
	}
	h.welcome(ScopeDefault, 0, "你好")
	h.receive(h.due("three"))
	h.mustWork()
	h.wantCalls("customer", 2) // a text without the name does not ask
}

func TestWelcomeAnswers(t *testing.T) {
	tests := []struct {
		name    string
		answers []error // to one attempt after another; nil: accepted
		outcome string
		calls   int
		tasks   int64
	}{
		{"accepted", []error{nil}, OutcomeSent, 1, 0},
		{"another app is sending, then free", []error{refusedWith(41096), nil}, OutcomeSent, 2, 0},
		{"another app was first", []error{refusedWith(41051)}, OutcomeTaken, 1, 0},
		{"another app is sending, then it was first", []error{refusedWith(41096), refusedWith(41051)}, OutcomeTaken, 2, 0},
		{"lost answer, and it had arrived", []error{lost(), refusedWith(41051)}, OutcomeSent, 2, 0},
		{"lost answer, and it had not", []error{lost(), nil}, OutcomeSent, 2, 0},
		{"lost answer, refusals, and it had arrived", []error{lost(), refusedWith(41096), refusedWith(41051)}, OutcomeSent, 3, 0},
		{"busy, and it had arrived", []error{refusedWith(-1), refusedWith(41051)}, OutcomeSent, 2, 0},
		{"too often, then free", []error{refusedWith(45009), refusedWith(45009), nil}, OutcomeSent, 3, 0},
		{"too late", []error{refusedWith(41050)}, OutcomeMissed, 1, 1},
		{"no right", []error{refusedWith(48002)}, OutcomeMissed, 1, 1},
		{"not agreed to archiving", []error{refusedWith(41053)}, OutcomeMissed, 1, 1},
		{"bad input without attachments", []error{refusedWith(40058)}, OutcomeMissed, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, "anna")
			h.welcome(ScopeDefault, 0, "你好")
			answers := tt.answers
			h.fake.fail = func(api string) (error, bool) {
				if api != "send" {
					return nil, true
				}
				err := answers[0]
				answers = answers[1:]
				return err, err == nil
			}
			h.receive(h.due("code"))
			for i := range tt.answers {
				if i > 0 {
					h.clock.Advance(300 * time.Millisecond)
					h.retry()
				}
				h.work()
			}
			s := h.send()
			if s.Outcome != tt.outcome {
				t.Errorf("outcome: got %s (%s), want %s", s.Outcome, s.Reason, tt.outcome)
			}
			h.wantCalls("send", tt.calls)
			if n := modeltest.Count[model.Task](t, h.db); n != tt.tasks {
				t.Errorf("got %d tasks, want %d", n, tt.tasks)
			}
			// Whatever comes later changes nothing.
			h.retry()
			h.clock.Advance(time.Minute)
			if err := h.SweepWelcomes(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.work()
			if got := h.send(); got.Outcome != tt.outcome {
				t.Errorf("outcome became %s", got.Outcome)
			}
			h.wantCalls("send", tt.calls)
		})
	}
}

// The process died after the platform had accepted: the next attempt finds it delivered.
func TestWelcomeAfterADeadProcess(t *testing.T) {
	h := newHouse(t, "anna")
	h.welcome(ScopeDefault, 0, "你好")
	h.receive(h.due("code"))
	if err := h.db.Model(&model.Work{}).Where("kind = ?", workWelcome).UpdateColumn("fence", 1).Error; err != nil {
		t.Fatal(err) // one lease has gone by without a trace
	}
	h.fake.failOnce("send", refusedWith(41051), false)
	h.mustWork()
	if s := h.send(); s.Outcome != OutcomeSent {
		t.Errorf("outcome: got %s, want sent", s.Outcome)
	}
}

func TestNothingIsSentAfterTheDeadline(t *testing.T) {
	h := newHouse(t, "anna")
	h.welcome(ScopeDefault, 0, "你好")
	h.receive(h.due("code"))
	h.clock.Advance(19 * time.Second) // exactly
	h.work()
	h.wantCalls("send", 0)
	if s := h.send(); s.Outcome != OutcomePending {
		t.Errorf("outcome: %s", s.Outcome)
	}
	for range 2 {
		if err := h.SweepWelcomes(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := h.send(); s.Outcome != OutcomePending {
			t.Errorf("given up too early, as %s", s.Outcome)
		}
	}
	h.clock.Advance(7 * time.Second)
	for range 2 {
		if err := h.SweepWelcomes(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s := h.send(); s.Outcome != OutcomeMissed || s.Reason != "deadline" {
		t.Errorf("outcome: %s, %s", s.Outcome, s.Reason)
	}
	var task model.Task
	if err := h.db.Take(&task).Error; err != nil || task.StaffID != h.staff["anna"].ID || task.Kind != taskWelcome {
		t.Errorf("task: %+v, %v", task, err)
	}
	if n := measured(t, h.metrics.welcomes.WithLabelValues(OutcomeMissed)).GetCounter().GetValue(); n != 1 {
		t.Errorf("missed welcomes in the metrics: %v", n)
	}
}

// The platform's answer came after the welcome was given up: what really happened is kept.
func TestLateSuccessReplacesAMiss(t *testing.T) {
	h := newHouse(t, "anna")
	h.welcome(ScopeDefault, 0, "你好")
	h.receive(h.due("code"))
	h.fake.hook = func(api string) {
		if api == "send" {
			h.clock.Advance(26 * time.Second)
			if err := h.SweepWelcomes(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	h.mustWork()
	if s := h.send(); s.Outcome != OutcomeSent {
		t.Errorf("outcome: %s", s.Outcome)
	}
}

func TestStaffNobodyKnowsYetAreWelcomedFor(t *testing.T) {
	h := newHouse(t)
	h.welcome(ScopeDefault, 0, "你好，我是{{员工姓名}}")
	h.receive(h.due("code"))
	h.mustWork()
	if got := fmt.Sprint(h.texts()); got != "[你好，我是我]" {
		t.Errorf("sent %s", got)
	}
	due := h.due("")
	h.receive(due)
	if n := modeltest.Count[model.WelcomeSend](t, h.db); n != 1 {
		t.Errorf("an event without a code made a row: %d", n)
	}
}

func TestWelcomeContentIsChecked(t *testing.T) {
	h := newHouse(t, "anna")
	picture := h.media(t, AttachImage, pngBytes(t))
	file := h.media(t, AttachFile, []byte("hello, file"))
	link := Attachment{Kind: AttachLink, Title: "t", URL: "https://example.com/x"}
	card := Attachment{Kind: AttachMiniProgram, Title: "t", AppID: "wx0123456789abcdef", Page: "pages/index", MediaID: picture.ID}
	with := func(a Attachment, f func(*Attachment)) []Attachment { f(&a); return []Attachment{a} }
	tests := []struct {
		name string
		c    WelcomeContent
		want error
	}{
		{"text", WelcomeContent{Text: "hi"}, nil},
		{"nothing", WelcomeContent{}, ErrInvalidWelcome},
		{"longest text", WelcomeContent{Text: strings.Repeat("x", 4000)}, nil},
		{"text too long", WelcomeContent{Text: strings.Repeat("x", 4001)}, ErrInvalidWelcome},
		{"text too long with its variable", WelcomeContent{Text: strings.Repeat("x", 3873) + "{{客户昵称}}"}, ErrInvalidWelcome},
		{"bytes count, not characters", WelcomeContent{Text: strings.Repeat("名", 1334)}, ErrInvalidWelcome},
		{"unknown variable", WelcomeContent{Text: "{{secret}}"}, ErrUnknownVariable},
		{"nine attachments", WelcomeContent{Attachments: []Attachment{link, link, link, link, link, link, link, link, card}}, nil},
		{"ten attachments", WelcomeContent{Attachments: []Attachment{link, link, link, link, link, link, link, link, link, card}}, ErrInvalidWelcome},
		{"image", WelcomeContent{Attachments: []Attachment{{Kind: AttachImage, MediaID: picture.ID}}}, nil},
		{"image that is a file", WelcomeContent{Attachments: []Attachment{{Kind: AttachImage, MediaID: file.ID}}}, ErrInvalidWelcome},
		{"file", WelcomeContent{Attachments: []Attachment{{Kind: AttachFile, MediaID: file.ID}}}, nil},
		{"no such media", WelcomeContent{Attachments: []Attachment{{Kind: AttachImage, MediaID: 999}}}, ErrInvalidWelcome},
		{"unknown kind", WelcomeContent{Attachments: []Attachment{{Kind: "voice", MediaID: file.ID}}}, ErrInvalidWelcome},
		{"link without title", WelcomeContent{Attachments: with(link, func(a *Attachment) { a.Title = "" })}, ErrInvalidWelcome},
		{"link title of 128 bytes", WelcomeContent{Attachments: with(link, func(a *Attachment) { a.Title = strings.Repeat("x", 128) })}, nil},
		{"link title of 129 bytes", WelcomeContent{Attachments: with(link, func(a *Attachment) { a.Title = strings.Repeat("x", 129) })}, ErrInvalidWelcome},
		{"link to a script", WelcomeContent{Attachments: with(link, func(a *Attachment) { a.URL = "javascript:alert(1)" })}, ErrInvalidWelcome},
		{"link to nowhere", WelcomeContent{Attachments: with(link, func(a *Attachment) { a.URL = "https://" })}, ErrInvalidWelcome},
		{"link with a password", WelcomeContent{Attachments: with(link, func(a *Attachment) { a.URL = "https://a:b@example.com" })}, ErrInvalidWelcome},
		{"picture of a link", WelcomeContent{Attachments: with(link, func(a *Attachment) { a.PictureURL = "ftp://x" })}, ErrInvalidWelcome},
		{"card title of 65 bytes", WelcomeContent{Attachments: with(card, func(a *Attachment) { a.Title = strings.Repeat("x", 65) })}, ErrInvalidWelcome},
		{"card of no mini-program", WelcomeContent{Attachments: with(card, func(a *Attachment) { a.AppID = "gh_1" })}, ErrInvalidWelcome},
		{"card without a page", WelcomeContent{Attachments: with(card, func(a *Attachment) { a.Page = "" })}, ErrInvalidWelcome},
		{"card without a picture", WelcomeContent{Attachments: with(card, func(a *Attachment) { a.MediaID = 0 })}, ErrInvalidWelcome},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := h.SaveWelcome(t.Context(), WelcomeInput{AccountID: h.account.ID, Scope: ScopeDefault, WelcomeContent: tt.c, Enabled: true})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	for _, s := range []struct {
		scope string
		id    int64
	}{{ScopeStaff, 999}, {ScopeDefault, 1}, {"everybody", 0}, {ScopeDepartment, 0}, {ScopeChannelCode, 1}} {
		_, err := h.SaveWelcome(t.Context(), WelcomeInput{AccountID: h.account.ID, Scope: s.scope, ScopeID: s.id, WelcomeContent: WelcomeContent{Text: "x"}})
		if f := fault.Of(err); !errors.Is(err, ErrInvalidWelcome) || len(f.Fields) != 1 || f.Fields[0].Name != "scope" {
			t.Errorf("scope %v: got %v", s, err)
		}
	}
}

func measured(t *testing.T, m prometheus.Metric) *dto.Metric {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return &out
}
