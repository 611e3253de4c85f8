package acquisition

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/staff"
	"zhiyin/service/work"
	"zhiyin/simulator"
	"zhiyin/wecom"
)

// town is the whole way: this package, the queue with a real worker, the gateway, and the simulator
// behind HTTP.
type town struct {
	*Service
	t       *testing.T
	db      *gorm.DB
	url     string
	account *model.Account
	offset  atomic.Int64 // of our clock, in ns
}

type object = map[string]any

func newTown(t *testing.T) *town {
	t.Helper()
	sim := simulator.New(simulator.Options{Seed: 3, Strict: true, Company: simulator.Company{Staff: 4}})
	server := httptest.NewServer(sim.Handler())
	town := &town{t: t, db: modeltest.DB(t), url: server.URL}
	town.account = &model.Account{Kind: "wecom", Name: "shop", Title: "知音商店", Enabled: true}
	credential := town.learn()
	town.account.PlatformID = credential.CorpID
	modeltest.Create(t, town.db, town.account)
	gateway, err := wecom.New(wecom.Config{
		BaseURL: server.URL + "/qyapi", WeixinURL: server.URL + "/weixin", Logger: slog.New(slog.DiscardHandler),
		Accounts: func(context.Context, string) (wecom.Credential, error) { return credential, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time {
		return time.Now().UTC().Add(time.Duration(town.offset.Load())).Truncate(time.Millisecond)
	}
	people, nothing := staff.New(town.db, now, staff.Options{}), &house{remarks: map[int64]string{}}
	queue := work.New(town.db, now)
	town.Service, err = New(Deps{
		DB: town.db, Queue: queue, Now: now, Zone: shanghai(t), Corp: func(a string) Platform { return gateway.Corp(a) },
		Staff: people, Tags: nothing, Remarks: nothing,
	})
	if err != nil {
		t.Fatal(err)
	}
	worker := work.NewWorker(queue, work.Options{Poll: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = gateway.Close()
		server.Close()
		sim.Close()
	})
	return town
}

// learn reads the corp's credential and takes its members into the mirror.
func (town *town) learn() wecom.Credential {
	var world struct {
		Corps []struct {
			ID   string
			Apps []struct {
				AgentID int64
				Secret  string
			}
		}
	}
	town.control("GET", "/_sim/world", nil, &world)
	app := world.Corps[0].Apps[0]
	return wecom.Credential{CorpID: world.Corps[0].ID, AgentID: app.AgentID, Secret: wecom.Secret(app.Secret)}
}

func (town *town) control(method, path string, body, out any) {
	town.t.Helper()
	text, _ := json.Marshal(body)
	req, err := http.NewRequest(method, town.url+path, bytes.NewReader(text))
	if err != nil {
		town.t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		town.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		town.t.Fatalf("%s %s: %s", method, path, answer)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			town.t.Fatal(err)
		}
	}
}

// effects counts the calls of an API that the platform carried out.
func (town *town) effects(api string) int {
	town.t.Helper()
	var ledger struct{ Matched int }
	town.control("GET", "/_sim/ledger?count=1&effect=true&api="+api, nil, &ledger)
	return ledger.Matched
}

func (town *town) members() (list []model.Staff) {
	town.t.Helper()
	for _, id := range []string{"keeper", "helper"} {
		town.control("POST", "/_sim/act/staff_create", object{"userid": id, "name": "店员", "departments": []int{1}}, nil)
		m := model.Staff{AccountID: town.account.ID, UserID: id, Name: "店员", ServesCustomers: true, PlatformStatus: 1}
		modeltest.Create(town.t, town.db, &m)
		list = append(list, m)
	}
	return list
}

func (town *town) eventually(what string, is func() bool) {
	town.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			town.t.Fatalf("it never comes about that %s", what)
		}
	}
}

func (town *town) codeWithPicture(in CodeInput) *Code {
	town.t.Helper()
	made, err := town.CreateCode(town.t.Context(), town.account.ID, 0, in)
	if err != nil {
		town.t.Fatal(err)
	}
	var code *Code
	town.eventually("the code has its picture", func() bool {
		if code, err = town.Code(town.t.Context(), made.ID); err != nil {
			town.t.Fatal(err)
		}
		return code.QRCode != "" && code.PushedAt != nil
	})
	return code
}

type scanned struct {
	UserID      string `json:"userid"`
	External    string `json:"external_userid"`
	WelcomeCode string `json:"welcome_code"`
}

func (town *town) scan(code *Code, name string) scanned {
	town.t.Helper()
	var s scanned
	town.control("POST", "/_sim/act/scan", object{"state": code.State, "name": name}, &s)
	return s
}

func (town *town) receive(code *Code, s scanned) {
	town.t.Helper()
	err := model.InTx(town.t.Context(), town.db, func(tx *gorm.DB) error {
		return town.ReceiveWelcomes(tx, WelcomeDue{
			Account: town.account, UserID: s.UserID, ExternalUserID: s.External, State: code.State, WelcomeCode: s.WelcomeCode, ReceivedAt: town.now(),
		})
	})
	if err != nil {
		town.t.Fatal(err)
	}
}

func (town *town) settled() bool {
	return modeltest.Count[model.WelcomeSend](town.t, town.db, "outcome = ?", OutcomePending) == 0
}

func TestSimulatedScanIsWelcomedOnce(t *testing.T) {
	town := newTown(t)
	people := town.members()
	picture, err := town.UploadMedia(t.Context(), town.account.ID, "map.png", AttachImage, pngBytes(t))
	if err != nil {
		t.Fatal(err)
	}
	code := town.codeWithPicture(CodeInput{
		Name: "门店海报", SkipVerify: true, Staff: []CodeStaff{{StaffID: people[0].ID}},
		Welcome: &WelcomeContent{Text: "{{客户昵称}}你好，欢迎从{{渠道}}来到{{企业}}", Attachments: []Attachment{
			{Kind: AttachImage, MediaID: picture.ID}, {Kind: AttachLink, Title: "菜单", URL: "https://example.com/menu"},
			{Kind: AttachMiniProgram, Title: "点单", AppID: "wx0123456789abcdef", Page: "pages/index", MediaID: picture.ID},
		}},
	})
	town.eventually("the picture is uploaded", func() bool {
		return modeltest.Count[model.Media](t, town.db, "media_id <> ''") == 1
	})
	uploads := town.effects("media/upload")
	s := town.scan(code, "小明")
	for range 3 {
		town.receive(code, s)
	}
	town.eventually("the welcome is settled", town.settled)
	if n := town.effects("externalcontact/send_welcome_msg"); n != 1 {
		t.Errorf("the platform carried out %d welcomes, want 1", n)
	}
	if n := town.effects("media/upload"); n != uploads {
		t.Error("something was uploaded while the welcome was due")
	}
	var welcomes struct {
		Welcomes []struct {
			Text        string
			Attachments []object
		}
	}
	town.control("GET", "/_sim/welcomes", nil, &welcomes)
	if w := welcomes.Welcomes[0]; w.Text != "小明你好，欢迎从门店海报来到知音商店" || len(w.Attachments) != 3 {
		t.Errorf("the customer reads %+v", w)
	}
	if n := modeltest.Count[model.WelcomeSend](t, town.db, "outcome = ?", OutcomeSent); n != 1 {
		t.Error("the row does not say sent")
	}
}

// The platform carries the welcome out and its answer is lost: it is found to have arrived, and is not
// sent twice.
func TestSimulatedLostAnswer(t *testing.T) {
	town := newTown(t)
	people := town.members()
	code := town.codeWithPicture(CodeInput{
		Name: "n", SkipVerify: true, Staff: []CodeStaff{{StaffID: people[0].ID}}, Welcome: &WelcomeContent{Text: "你好"},
	})
	for _, fault := range []string{"drop_after", "half_body", "malformed"} {
		town.control("POST", "/_sim/faults", object{"api": "externalcontact/send_welcome_msg", "kind": fault, "times": 1}, nil)
		town.receive(code, town.scan(code, "小红"))
		town.eventually("the welcome is settled", town.settled)
	}
	if n := modeltest.Count[model.WelcomeSend](t, town.db, "outcome = ?", OutcomeSent); n != 3 {
		t.Errorf("%d of 3 rows say sent", n)
	}
	if n := town.effects("externalcontact/send_welcome_msg"); n != 3 {
		t.Errorf("the platform carried out %d welcomes, want 3", n)
	}
}

func TestSimulatedContactWay(t *testing.T) {
	town := newTown(t)
	people := town.members()
	town.control("POST", "/_sim/faults", object{"api": "externalcontact/add_contact_way", "kind": "drop_after", "times": 1}, nil)
	made, err := town.CreateCode(t.Context(), town.account.ID, 0, CodeInput{Name: "n", Staff: []CodeStaff{{StaffID: people[0].ID}, {StaffID: people[1].ID}}})
	if err != nil {
		t.Fatal(err)
	}
	read := func() *Code {
		c, err := town.Code(t.Context(), made.ID)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	town.eventually("the answer to the creation is lost", func() bool { return read().CreatingSince != nil && read().PushError != "" })
	town.offset.Store(int64(settleTime + time.Second))
	town.eventually("the code has its picture", func() bool { return read().QRCode != "" && read().PushError == "" })
	if n := town.effects("externalcontact/add_contact_way"); n != 1 {
		t.Errorf("the platform made %d contact ways, want 1", n)
	}

	// A member who is no longer active is found among several and left out.
	town.control("POST", "/_sim/act/staff_update", object{"userid": "helper", "status": 4}, nil)
	if _, err := town.UpdateCode(t.Context(), made.ID, CodeInput{Name: "other", Staff: []CodeStaff{{StaffID: people[0].ID}, {StaffID: people[1].ID}}}); err != nil {
		t.Fatal(err)
	}
	town.eventually("the member is left out", func() bool {
		c := read()
		return len(c.Serving) == 1 && c.Serving[0] == "keeper" && c.PushError != ""
	})

	town.offset.Store(int64(2 * time.Hour))
	if err := town.SweepOrphans(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := town.effects("externalcontact/del_contact_way"); n != 0 {
		t.Errorf("the sweep deleted %d contact ways in use", n)
	}
	if err := town.DeleteCode(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	town.eventually("the contact way is deleted", func() bool { return town.effects("externalcontact/del_contact_way") == 1 })
}

// A crowd at once: every customer is welcomed, once, in time.
func TestSimulatedBurst(t *testing.T) {
	town := newTown(t)
	people := town.members()
	code := town.codeWithPicture(CodeInput{
		Name: "n", SkipVerify: true, Staff: []CodeStaff{{StaffID: people[0].ID}}, Welcome: &WelcomeContent{Text: "你好，我是{{员工姓名}}"},
	})
	const crowd = 100
	var list []scanned
	for range crowd {
		list = append(list, town.scan(code, ""))
	}
	for _, s := range list {
		town.receive(code, s)
	}
	town.eventually("all are settled", town.settled)
	if n := modeltest.Count[model.WelcomeSend](t, town.db, "outcome = ?", OutcomeSent); n != crowd {
		t.Errorf("%d of %d rows say sent", n, crowd)
	}
	if n := town.effects("externalcontact/send_welcome_msg"); n != crowd {
		t.Errorf("the platform carried out %d welcomes, want %d", n, crowd)
	}
	day, err := town.WelcomeStatistics(t.Context(), town.account.ID, town.day(town.now()), town.day(town.now()))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("latency: %+v", day)
}
