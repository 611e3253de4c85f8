package transfer

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/campaign"
	"zhiyin/service/catalog"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/outreach"
	"zhiyin/service/privacy"
	"zhiyin/service/profile"
	"zhiyin/service/segment"
	"zhiyin/service/staff"
	"zhiyin/service/tag"
	"zhiyin/service/vault/vaulttest"
)

// town is a house with all tables that there are.
type town struct {
	*house
	people   *customer.Service
	segments *segment.Service
	vip      int64 // a tag
}

func newTown(t *testing.T) *town {
	t.Helper()
	h := newHouse(t)
	events := event.New(h.Queue, h.Now)
	members := staff.New(h.DB, h.Now, staff.Options{Zone: h.Zone})
	v := vaulttest.New(t)
	people := customer.New(h.DB, events, h.Queue, h.Now, members, v, nil)
	profiles := profile.New(profile.Deps{DB: h.DB, Events: events, Vault: v, Now: h.Now, Zone: h.Zone, Persons: people, Consents: privacy.New(h.DB, events, v, h.Now)})
	tags := tag.New(h.DB, events, h.Queue, h.Now, people, nil)
	segments := segment.New(segment.Deps{DB: h.DB, Events: events, Queue: h.Queue, Now: h.Now, Zone: h.Zone, Staff: members})
	h.Tables(Capabilities{
		People: People{people, profiles, tags, events, h.Now}, Orders: catalog.New(h.DB, events, h.Queue, h.Now, people, members), Viewers: members,
		Deliveries: outreach.New(outreach.Deps{DB: h.DB, Now: h.Now}), Segments: segments,
		Campaigns: campaign.New(campaign.Deps{DB: h.DB, Queue: h.Queue, Now: h.Now, Zone: h.Zone}),
	})
	if _, err := profiles.CreateField(t.Context(), profile.FieldInput{Name: "hobby", Title: "爱好", Kind: profile.KindText}); err != nil {
		t.Fatal(err)
	}
	group, err := tags.CreateGroup(t.Context(), tag.NewGroup{Name: "等级", Tags: []string{"VIP", "普通"}})
	if err != nil {
		t.Fatal(err)
	}
	modeltest.Create(t, h.DB, &model.Staff{ID: 7, UserID: "boss", Name: "老板", CreatedAt: noon, UpdatedAt: noon})
	modeltest.Create(t, h.DB, &model.StaffRole{StaffID: 7, Role: staff.RoleAdmin, CreatedAt: noon})
	return &town{h, people, segments, group.Tags[0].ID}
}

func (h *town) bring(kind, content string) *model.ImportRun {
	h.t.Helper()
	run, err := h.Upload(h.t.Context(), 7, kind, kind+".csv", strings.NewReader(content))
	if err != nil {
		h.t.Fatal(err)
	}
	h.start(run.ID, StartInput{})
	return h.finish(run.ID)
}

func (h *town) wrong(id int64) string {
	h.t.Helper()
	problems, err := h.Problems(h.t.Context(), id, 0, 100)
	if err != nil {
		h.t.Fatal(err)
	}
	var said []string
	for _, p := range problems {
		said = append(said, fmt.Sprintf("%d %s %s", p.Line, p.ColumnName, p.Code))
	}
	return strings.Join(said, "|")
}

// TestCustomersImport: customers come in with what is known of them; who is known already is added to; each knows
// from where and on what ground they came.
func TestS54_CustomersImport(t *testing.T) {
	h := newTown(t)
	known, err := h.people.Resolve(t.Context(), customer.Evidence{Identities: []customer.Seen{{Kind: customer.KindPhone, Value: "13800000001"}}, Source: "miniapp", Create: true, New: model.Customer{Name: "老名字"}})
	if err != nil {
		t.Fatal(err)
	}
	run := h.bring("customers", `姓名,手机,性别,生日,城市,标签,爱好,会员号
张三,138 0000 0001,男,1990/1/31,上海,VIP,钓鱼,M1
李四,+8613800000002,女,,杭州,"VIP,普通",,
王五,13800000003,,2026-02-30,,,,
赵六,12,,,,,,
,,,,北京,,,
钱七,13800000005,,,,没有的标签,,
孩子,13800000006,,2020-01-01,,,,
=1+1,13800000007,,,,,,
张三,13800000001,男,1990-01-31,上海,VIP,钓鱼,M1
`)
	if run.Created != 2 || run.Updated != 1 || run.Unchanged != 1 || run.Failed != 5 {
		t.Errorf("%+v: %s", run, h.wrong(run.ID))
	}
	want := "4 birthday import.cell_invalid|5 phone customer.bad_identity|6 phone import.nobody|7 tags import.no_such_tag|8  privacy.guardian_needed"
	if got := h.wrong(run.ID); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var c model.Customer
	if err := h.DB.Take(&c, known.CustomerID).Error; err != nil || c.Name != "张三" || c.City != "上海" || c.BirthMD != 131 || c.Gender != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if n := modeltest.Count[model.CustomerTag](t, h.DB, "tag_id = ?", h.vip); n != 2 {
		t.Errorf("%d bear the tag", n)
	}
	if n := modeltest.Count[model.CustomValue](t, h.DB, "value = '钓鱼' AND customer_id = ?", known.CustomerID); n != 1 {
		t.Errorf("%d answers", n)
	}
	if n := modeltest.Count[model.Event](t, h.DB, "kind = 'customer.imported' AND payload LIKE '%会员协议%'"); n != 4 {
		t.Errorf("%d customers know where they came from", n)
	}

	tags := h.bring("tags", "手机号,标签\n13800000007,等级/普通\n13900000000,VIP\n13800000002,VIP\n")
	if tags.Updated != 1 || tags.Failed != 1 || tags.Unchanged != 1 {
		t.Errorf("%+v: %s", tags, h.wrong(tags.ID))
	}
}

// TestListsImport: customers who are known come into lists, which are named; once, however often a file names them.
func TestListsImport(t *testing.T) {
	h := newTown(t)
	h.bring("customers", "姓名,手机\n张三,13800000001\n李四,13800000002\n")
	for _, name := range []string{"双11名单", "老客户", "老客户"} {
		if _, err := h.segments.Create(t.Context(), segment.Definition{Name: name, By: 7}); err != nil {
			t.Fatal(err)
		}
	}
	run := h.bring("lists", "手机号,名单\n+86 138 0000 0001,双11名单\n13800000001,双11名单\n13800000002,\"双11名单\"\n13900000000,双11名单\n13800000002,老客户\n13800000002,没有\n")
	if run.Updated != 2 || run.Unchanged != 1 || run.Failed != 3 {
		t.Errorf("%+v: %s", run, h.wrong(run.ID))
	}
	if got := h.wrong(run.ID); got != "5  customer.not_found|6 lists import.no_such_list|7 lists import.no_such_list" {
		t.Errorf("got %s", got)
	}
	if n := modeltest.Count[model.SegmentMember](t, h.DB, "left_at IS NULL"); n != 2 {
		t.Errorf("%d are in lists", n)
	}
	if n := modeltest.Count[model.Event](t, h.DB, "kind = 'segment.entered'"); n != 2 {
		t.Errorf("%d were told of", n)
	}
	if again := h.bring("lists", "手机号,人群\n13800000001,双11名单\n"); again.Unchanged != 1 {
		t.Errorf("%+v", again)
	}
}

// TestOrdersImport: orders come in, also before their customers, and once.
func TestOrdersImport(t *testing.T) {
	h := newTown(t)
	h.bring("customers", "姓名,手机\n张三,13800000001\n")
	const orders = `订单号,手机号,订单金额,实付金额,状态,下单时间,付款时间,商品编号,数量
A1,13800000001,100,88.8,已完成,2026-11-01 10:00,2026-11-01 10:05,P1,2
A2,13900000000,50,,已付款,2026-11-02 10:00,,,
A3,13800000001,10,20,已付款,2026-11-02 10:00,,,
`
	run := h.bring("orders", orders)
	if run.Created != 2 || run.Failed != 1 {
		t.Errorf("%+v: %s", run, h.wrong(run.ID))
	}
	var total model.CustomerTrade
	if err := h.DB.Take(&total, "orders = 1").Error; err != nil || total.PaidFen != 8880 {
		t.Errorf("%+v, %v", total, err)
	}
	if again := h.bring("orders", orders); again.Created != 0 || again.Unchanged != 2 {
		t.Errorf("%+v", again)
	}
}

// TestCustomersExport: what somebody may see comes out, phone numbers masked.
func TestCustomersExport(t *testing.T) {
	h := newTown(t)
	h.bring("customers", "姓名,手机,性别\n张三,13800000001,男\n\"=HYPERLINK(\"\"http://x\"\")\",13800000002,女\n")
	run, err := h.StartExport(t.Context(), 7, ExportInput{Kind: "customers", Purpose: "回访", Format: CSV, Columns: []string{"name", "phone", "gender"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.runExport(t.Context(), nil, runPayload{run.ID}); err != nil {
		t.Fatal(err)
	}
	f, _, err := h.Download(t.Context(), 7, run.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	if !strings.Contains(text, `"张三"`) || !strings.Contains(text, `"'=HYPERLINK`) || strings.Contains(text, "13800000001") || !strings.Contains(text, "138") {
		t.Errorf("got %s", text)
	}
	if _, err := h.StartExport(t.Context(), 7, ExportInput{Kind: "customers", Purpose: "x", Format: CSV, Filter: []byte(`{"everything":1}`)}); err == nil {
		t.Error("an unknown filter was accepted")
	}
	if err := h.DB.Model(&model.Staff{}).Where("id = 7").Update("disabled", true).Error; err != nil {
		t.Fatal(err)
	}
	run, err = h.StartExport(t.Context(), 7, ExportInput{Kind: "customers", Purpose: "x", Format: CSV})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.runExport(t.Context(), nil, runPayload{run.ID}); err != nil {
		t.Fatal(err)
	}
	if run, _ = h.ExportRun(t.Context(), run.ID); run.Status != RunFailed {
		t.Errorf("somebody who may not sign in any more got an export: %+v", run)
	}
}

// TestLargeImport is a measurement: 100,000 customers with phone, name, city and a tag.
func TestLargeImport(t *testing.T) {
	if os.Getenv("TEST_LARGE") == "" {
		t.Skip("a measurement; ask for it with TEST_LARGE=1")
	}
	h := newTown(t)
	var b strings.Builder
	b.WriteString("姓名,手机,城市,标签\n")
	for i := range 100_000 {
		fmt.Fprintf(&b, "客户%d,%d,上海,VIP\n", i, 13800000000+i)
	}
	began := time.Now()
	run, err := h.Upload(t.Context(), 7, "customers", "x.csv", strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	h.start(run.ID, StartInput{})
	for run.Status != Done {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		if err := h.runImport(ctx, nil, runPayload{run.ID}); err != nil {
			t.Fatal(err)
		}
		cancel()
		run, _ = h.ImportRun(t.Context(), run.ID)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("100,000 customers in %s; %d MB from the system; %+v", time.Since(began).Round(time.Millisecond), m.Sys>>20, run)
}
