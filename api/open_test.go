package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"zhiyin/api/open"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/apikey"
)

// partner is another system with a key.
type partner struct {
	*company
	key    *apikey.Key
	secret string
}

func (c *company) partner(permissions ...string) *partner {
	c.t.Helper()
	name := "partner"
	k, secret, err := c.keys.Create(context.Background(), adminID, apikey.Input{Name: &name, Permissions: permissions})
	if err != nil {
		c.t.Fatal(err)
	}
	return &partner{c, k, secret}
}

// signed is a request of the partner's, as it should be.
func (p *partner) signed(method, path string, body any) request {
	p.t.Helper()
	q := request{method: method, path: "/open/v1" + path, body: body}
	var raw []byte
	if r := q.reader(p.t); r != nil {
		raw = must(io.ReadAll(r))(p.t)
		q.body = raw
	}
	at, query, _ := strings.Cut(q.path, "?")
	s := apikey.Request{Method: method, Path: at, Query: query, Body: raw, Time: fmt.Sprint(p.clock.Now().Unix()), Nonce: rand.Text()}
	q.header = http.Header{
		apikey.HeaderKey: {p.key.KeyID}, apikey.HeaderTime: {s.Time}, apikey.HeaderNonce: {s.Nonce}, apikey.HeaderSignature: {s.Sign(p.secret)},
	}
	return q
}

// openCalls has a line for every route of the face, with the permission it needs.
var openCalls = map[string]struct{ permission, body string }{
	"POST /product-categories":         {apikey.MayWriteProducts, `{"items":[{"number":"drink","name":"饮料","version":1795319940000}]}`},
	"POST /products":                   {apikey.MayWriteProducts, `{"items":[{"number":"C","name":"茶","category":"drink","price_fen":100,"status":"on_sale","version":1795319940000}]}`},
	"POST /orders":                     {apikey.MayWriteOrders, `{"items":[{"number":"S1","status":"placed","total_fen":100,"placed_at":"2026-11-22T03:00:00Z","version":1795319940000}]}`},
	"POST /refunds":                    {apikey.MayWriteOrders, `{"items":[{"number":"F1","order":"S1","status":"requested","amount_fen":1,"version":1795319940000}]}`},
	"GET /order":                       {apikey.MayReadOrders, ""},
	"POST /coupons/validate":           {apikey.MayValidateCoupons, couponBill("{coupon}", "")},
	"POST /coupons/reserve":            {apikey.MayRedeemCoupons, couponBill("{coupon}", `"ttl_seconds":60,`)},
	"POST /coupons/redeem":             {apikey.MayRedeemCoupons, couponBill("{spare}", "")},
	"POST /coupon-uses/{id}/redeem":    {apikey.MayRedeemCoupons, ""},
	"POST /coupon-uses/{id}/release":   {apikey.MayRedeemCoupons, ""},
	"POST /coupon-uses/{id}/roll-back": {apikey.MayRefundCoupons, `{"reason":"退货"}`},
	"POST /customers/find":             {apikey.MayFindCustomers, `{"kind":"external_userid","scope":"corp","value":"wm王小明"}`},
	"POST /journeys/start":             {apikey.MayStartJourneys, `{"journey_id":"{journey}","customer":{"kind":"external_userid","scope":"corp","value":"wm王小明"}}`},
	"POST /events":                     {apikey.MayRecordEvents, `{"customer":{"kind":"external_userid","scope":"corp","value":"wm王小明"},"events":[{"id":"a","name":"page.viewed","at":"2026-11-22T03:00:00Z","properties":{"page":"home"}}]}`},
}

// couponBill asks about a coupon of the customer of sales, on an order that is named after it.
func couponBill(id, more string) string {
	return `{"customer":{"kind":"external_userid","scope":"corp","value":"wm王小明"},"coupons":["` + id + `"],` + more + `"bill":{"order":"C-` + id + `","lines":[{"line":1,"product":"A","quantity":3,"price_fen":500}]}}`
}

// couponUse is the id of a reservation of the partner's, or of what it has redeemed.
func (p *partner) couponUse(redeemed bool) string {
	p.t.Helper()
	until := p.clock.Now().Add(time.Minute)
	u := &model.CouponUse{
		CustomerID: ownCustomer, State: "reserved", OrderNumber: rand.Text(), APIKeyID: p.key.ID, Bill: `{"lines":[{"line":1,"quantity":1,"price_fen":100}]}`,
		TotalFen: 100, ExpiresAt: &until, CreatedAt: noon, UpdatedAt: noon,
	}
	if redeemed {
		u.State = "redeemed"
	}
	modeltest.Create(p.t, p.db, u)
	return p.ids.Of(model.KindCouponUse, u.ID)
}

func (p *partner) call(name string) request {
	method, path, _ := strings.Cut(name, " ")
	if name == "GET /order" {
		path += "?number=N1"
	}
	if before, after, found := strings.Cut(path, "{id}"); found {
		path = before + p.couponUse(strings.HasSuffix(after, "roll-back")) + after
	}
	var body any
	if b := openCalls[name].body; b != "" {
		body = strings.NewReplacer("{journey}", p.ids.Of(model.KindJourney, journeyID), "{coupon}", p.ids.Of(model.KindCoupon, couponID), "{spare}", p.ids.Of(model.KindCoupon, spareCouponID)).Replace(b)
	}
	return p.signed(method, path, body)
}

// TestS47_KeysDoOnlyWhatTheyMay calls every route of the face without a signature, with a key that may
// do everything else, and with one that may do it.
func TestS47_KeysDoOnlyWhatTheyMay(t *testing.T) {
	c := newCompany(t)
	var all []string
	for _, p := range apikey.Permissions() {
		all = append(all, p.Name)
	}
	seen := 0
	for _, r := range c.server.Routes() {
		path, ok := strings.CutPrefix(r.Path, "/open/v1")
		if !ok {
			continue
		}
		seen++
		name := r.Method + " " + path
		k, ok := openCalls[name]
		if !ok || r.Permission != k.permission || r.Anyone {
			t.Errorf("%s: %+v", name, r)
			continue
		}
		var others []string
		for _, p := range all {
			if p != k.permission {
				others = append(others, p)
			}
		}
		q := c.partner(all...).call(name)
		if rec := c.do(q); rec.Code != 200 {
			t.Errorf("%s: %d %s", name, rec.Code, head(rec.Body.String()))
		}
		problemOf(t, name+" once more", c.do(q), 409, "open.repeated")
		problemOf(t, name+" of a key without the permission", c.do(c.partner(others...).call(name)), 403, "open.forbidden")
		q = c.partner(all...).call(name)
		q.header = nil
		problemOf(t, name+" unsigned", c.do(q), 401, "open.not_signed")
		q.token = c.tokens["admin"]
		problemOf(t, name+" with an administrator's session", c.do(q), 401, "open.not_signed")
	}
	if seen != len(openCalls) {
		t.Errorf("%d routes, %d calls", seen, len(openCalls))
	}
}

func TestWhatIsSignedIsWhatIsRead(t *testing.T) {
	c := newCompany(t)
	p := c.partner(apikey.MayWriteOrders, apikey.MayReadOrders)
	for name, forge := range map[string]func(*request){
		"another body":   func(q *request) { q.body = []byte(`{"items":[]}`) },
		"a longer body":  func(q *request) { q.body = append(q.body.([]byte), ' ') },
		"another query":  func(q *request) { q.path += "?a=1" },
		"another method": func(q *request) { q.method = "PUT" },
		"two keys":       func(q *request) { q.header[apikey.HeaderKey] = append(q.header[apikey.HeaderKey], "zk_other") },
		"two signatures": func(q *request) {
			q.header[apikey.HeaderSignature] = append(q.header[apikey.HeaderSignature], strings.Repeat("0", 64))
		},
	} {
		q := p.call("POST /orders")
		forge(&q)
		if rec := c.do(q); rec.Code != 401 && (name != "another method" || rec.Code != 405) {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	if n := modeltest.Count[model.APINonce](t, c.db); n != 0 {
		t.Errorf("%d requests were taken", n)
	}
	old := p.call("POST /orders")
	c.clock.Advance(6 * time.Minute)
	problemOf(t, "an old one", c.do(old), 401, "open.wrong_time")
}

// TestF41_GreedyOpenRequests: only who has a key has a body read, and only so far.
func TestF41_GreedyOpenRequests(t *testing.T) {
	c := newCompany(t)
	p := c.partner(apikey.MayWriteOrders)
	for name, q := range map[string]request{"of a stranger": {}, "of a partner": p.call("POST /orders")} {
		body := &endless{}
		req := httptest.NewRequest("POST", "/open/v1/orders", body)
		for h, v := range q.header {
			req.Header[h] = v
		}
		rec := httptest.NewRecorder()
		c.handler.ServeHTTP(rec, req)
		if name == "of a stranger" && (rec.Code != 401 || body.read > 0) || name == "of a partner" && (rec.Code != 413 || body.read > 2*open.MaxBody) {
			t.Errorf("%s: %d after %d bytes", name, rec.Code, body.read)
		}
	}
	many := `{"items":[` + strings.Repeat(`{},`, 100) + `{}]}`
	problemOf(t, "101 orders", c.do(p.signed("POST", "/orders", many)), 422, "invalid")
}

// TestV7_OpenBodiesTakeNoForeignFields replays each body with fields that are ours alone.
func TestV7_OpenBodiesTakeNoForeignFields(t *testing.T) {
	c := newCompany(t)
	p := c.partner(apikey.MayWriteProducts, apikey.MayWriteOrders, apikey.MayFindCustomers, apikey.MayRecordEvents,
		apikey.MayValidateCoupons, apikey.MayRedeemCoupons, apikey.MayRefundCoupons, apikey.MayStartJourneys)
	tried := 0
	for name, k := range openCalls {
		if k.body == "" {
			continue
		}
		method, path, _ := strings.Cut(strings.Replace(name, "{id}", "aaaaaaaaaaaaaaaaaaaaaaaaaa", 1), " ")
		for _, field := range []string{"id", "row_id", "corp_id", "customer_id", "owner", "refunded_fen", "created_at", "status_at", "Number", "VERSION"} {
			var body map[string]any
			if err := json.Unmarshal([]byte(k.body), &body); err != nil {
				t.Fatal(err)
			}
			targets := []map[string]any{body}
			if items, ok := body["items"].([]any); ok {
				targets = append(targets, items[0].(map[string]any))
			}
			for _, target := range targets {
				target[field] = 1
				problemOf(t, name+" with "+field, c.do(p.signed(method, path, body)), 422, "invalid")
				delete(target, field)
				tried++
			}
		}
	}
	if tried < 60 || modeltest.Count[model.CustomerOrder](t, c.db) != 3 {
		t.Errorf("%d tried, %d orders", tried, modeltest.Count[model.CustomerOrder](t, c.db))
	}
}

// TestV3_SortAndOrderAreNoParameters asks every list of trade for orders of an attacker's choice.
func TestV3_SortAndOrderAreNoParameters(t *testing.T) {
	c := newCompany(t)
	hook := "/webhooks/" + c.ids.Of(model.KindWebhook, hookID) + "/deliveries"
	for _, list := range []string{"/orders", "/refunds", "/products", "/product-categories", "/api-keys", "/webhooks", hook} {
		for _, name := range []string{"sort", "order", "order_by", "orderby", "direction", "dir", "group_by", "fields"} {
			for _, payload := range []string{"id", "paid_fen desc", "1;DROP TABLE customer_order", "(SELECT%201)", "id,(SELECT sleep(5))", "' OR '1'='1"} {
				path := "/api/console" + list + "?" + name + "=" + strings.ReplaceAll(strings.ReplaceAll(payload, "%20", " "), " ", "%20")
				problemOf(t, path, c.do(request{method: "GET", path: strings.ReplaceAll(path, ";", "%3B"), token: c.tokens["admin"]}), 422, "")
			}
		}
		for _, q := range []string{"limit=0", "limit=201", "limit=-1", "cursor=abc", "cursor=%27%20OR%201=1"} {
			if list == "/product-categories" || list == "/api-keys" || list == "/webhooks" {
				continue // these have one page
			}
			problemOf(t, list+"?"+q, c.do(request{method: "GET", path: "/api/console" + list + "?" + q, token: c.tokens["admin"]}), 422, "")
		}
	}
}

// TestFieldsOfACustomerFollowTheKey asks about the same customer with keys that may know more and more.
func TestFieldsOfACustomerFollowTheKey(t *testing.T) {
	c := newCompany(t)
	modeltest.Create(t, c.db, &model.CustomerTrade{CustomerID: ownCustomer, Orders: 1, PaidFen: 500, UpdatedAt: noon},
		&model.CustomerTag{CustomerID: ownCustomer, TagID: tagA, Source: "console", CreatedAt: noon})
	stood := c.db.Model(&model.CustomerLifecycle{}).Where("customer_id = ?", ownCustomer).Updates(map[string]any{"stage": "loyal", "value_grade": "A"})
	if stood.Error != nil {
		t.Fatal(stood.Error)
	}
	may := []string{apikey.MayFindCustomers}
	for _, step := range []struct{ permission, shows string }{
		{apikey.MayFindCustomers, `"id":`}, {apikey.MayReadProfile, "王小明"}, {apikey.MayReadTags, "重要"}, {apikey.MayReadTrade, `"paid_fen":500`}, {apikey.MayReadLifecycle, "loyal"},
	} {
		may = append(may, step.permission)
		body := c.do(c.partner(may...).call("POST /customers/find")).Body.String()
		if !strings.Contains(body, step.shows) {
			t.Errorf("with %v: %s", may, body)
		}
		for _, hidden := range []string{"王小明", "重要", `"paid_fen"`, "loyal"} {
			if len(may) == 2 && strings.Contains(body, hidden) {
				t.Errorf("with %v: %s", may, body)
			}
		}
	}
	p := c.partner(apikey.MayFindCustomers)
	problemOf(t, "nobody", c.do(p.signed("POST", "/customers/find", `{"kind":"unionid","value":"nobody"}`)), 404, "catalog.not_found")
	problemOf(t, "no kind", c.do(p.signed("POST", "/customers/find", `{"kind":"customer_id","value":"1"}`)), 422, "invalid")
}

func TestOpenAPIOfTheOpenFace(t *testing.T) {
	c := newCompany(t)
	d := decode[openAPI](t, c.do(request{method: "GET", path: "/openapi/open.json"}).Body.Bytes())
	operations := 0
	for path, methods := range d.Paths {
		for method, op := range methods {
			operations++
			checkOperation(t, d, path, method+" "+path, op)
			if len(op.Security) != 1 || len(op.Security[0]) != 4 {
				t.Errorf("%s: security %v", path, op.Security)
			}
		}
	}
	if operations != len(openCalls) {
		t.Errorf("%d operations, %d calls", operations, len(openCalls))
	}
	if rec := c.do(request{method: "GET", path: "/docs/open"}); rec.Code != 200 {
		t.Errorf("/docs/open: %d", rec.Code)
	}
}

// TestTheExamplesOfTheDocumentWork runs what docs/open-api.md shows.
func TestTheExamplesOfTheDocumentWork(t *testing.T) {
	c := newCompany(t)
	p := c.partner(apikey.MayWriteOrders)
	base := "http://" + c.listen()
	shell, program := example(t, "sh"), example(t, "go")
	dir := t.TempDir()
	source := "package main\n\nimport (\n\t\"bytes\"\n\t\"crypto/hmac\"\n\t\"crypto/rand\"\n\t\"crypto/sha256\"\n\t\"encoding/hex\"\n\t\"fmt\"\n\t\"io\"\n\t\"net/http\"\n\t\"os\"\n\t\"strconv\"\n\t\"time\"\n)\n\n" +
		program + `
func main() {
	unix, _ := strconv.ParseInt(os.Getenv("TIME"), 10, 64)
	body := []byte(` + "`" + openCalls["POST /orders"].body + "`" + `)
	r, _ := http.NewRequest("POST", os.Getenv("BASE")+"/open/v1/orders", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	sign(r, body, os.Getenv("KEY"), os.Getenv("SECRET"), time.Unix(unix, 0))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		panic(err)
	}
	io.Copy(os.Stdout, answer.Body)
}
`
	if err := os.WriteFile(dir+"/main.go", []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := append(os.Environ(), "BASE="+base, "KEY="+p.key.KeyID, "SECRET="+p.secret, fmt.Sprintf("TIME=%d", c.clock.Now().Unix()))
	for name, cmd := range map[string]*exec.Cmd{"shell": exec.Command("sh", "-c", shell), "Go": exec.Command("go", "run", dir+"/main.go")} {
		if name == "shell" && (missing("openssl") || missing("curl")) {
			t.Log("openssl or curl is not installed")
			continue
		}
		cmd.Env = environ
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), `"result":"created"`) {
			t.Errorf("%s: %v %s %s", name, err, out, errs.String())
		}
	}
}

func missing(program string) bool { _, err := exec.LookPath(program); return err != nil }

func example(t *testing.T, language string) string {
	t.Helper()
	doc := must(os.ReadFile("../docs/open-api.md"))(t)
	m := regexp.MustCompile("(?s)<!-- test:\\w+ -->\n```" + language + "\n(.*?)```").FindSubmatch(doc)
	if m == nil {
		t.Fatalf("no example in %s", language)
	}
	return string(m[1])
}
