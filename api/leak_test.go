package api

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// answers collects what every reading route answers the administrator, in pages of one.
func (c *company) answers() map[string]string {
	c.t.Helper()
	paged := c.pagedRoutes()
	all := map[string]string{}
	c.eachRoute(func(r Route, k call) {
		if r.Method != http.MethodGet {
			return
		}
		for _, limit := range []string{"limit=1", "limit=200"} {
			q := c.requestOf(r, k)
			q.token = c.tokenOf(r, "admin")
			if slices.Contains(paged, r.name()) {
				q.path += sign(q.path) + limit
			}
			rec := c.do(q)
			if rec.Code != 200 {
				c.t.Errorf("%s: %d %s", q.path, rec.Code, rec.Body)
			}
			all[r.name()+" "+limit] = rec.Body.String() + fmt.Sprint(rec.Header())
		}
	})
	return all
}

func sign(path string) string {
	if strings.Contains(path, "?") {
		return "&"
	}
	return "?"
}

// pagedRoutes are the routes that have a cursor, by the OpenAPI document.
func (c *company) pagedRoutes() (names []string) {
	c.t.Helper()
	for path, methods := range c.openAPI().Paths {
		for method, op := range methods {
			for _, p := range op.Parameters {
				if p.Name == "cursor" {
					names = append(names, Route{Method: strings.ToUpper(method), Path: path}.name())
				}
			}
		}
	}
	if len(names) < 12 {
		c.t.Errorf("only %d lists have pages: %v", len(names), names)
	}
	return names
}

// TestV24_S58_G18_NoAnswerHoldsASecret looks for every secret there is in every answer.
func TestV24_S58_G18_NoAnswerHoldsASecret(t *testing.T) {
	c := newCompanyWithLogin(t, options{})
	var login model.StaffLogin
	var acct model.Account
	var session model.Session
	for _, row := range []any{&login, &acct, &session} {
		if err := c.db.Take(row).Error; err != nil {
			t.Fatal(err)
		}
	}
	secrets := map[string]string{
		"platform secret": platformSecret, "callback token": callbackToken, "callback key": callbackAESKey, "payload": payloadCanary,
		"password hash": login.PasswordHash, "any password hash": "$argon2", "password": phrase, "phone": "13800138000",
		"sealed secret": base64.StdEncoding.EncodeToString(acct.SealedSecret), "session hash": base64.StdEncoding.EncodeToString(session.TokenHash),
	}
	for role, token := range c.tokens {
		secrets["session of "+role] = token
	}
	for name, answer := range c.answers() {
		for what, secret := range secrets {
			if strings.Contains(answer, secret) {
				t.Errorf("%s holds a %s", name, what)
			}
		}
	}
	if c.answers()["GET /customers/{id} limit=1"] == "" || !strings.Contains(c.answers()["GET /customers/{id} limit=1"], "138****8000") {
		t.Error("a phone number is not shown by both its ends")
	}
}

var word = regexp.MustCompile(`[A-Za-z0-9_\-+/=]{6,}`)

// rowIDsIn finds row ids of the company in a text: as they are, in other bases, and in whatever can
// be decoded.
func rowIDsIn(text string) (found []string) {
	for id := int64(acme); id <= second; id++ {
		for _, b := range []int{10, 16, 36} {
			if n := strconv.FormatInt(id, b); strings.Contains(strings.ToLower(text), n) {
				found = append(found, n)
			}
		}
	}
	for _, w := range word.FindAllString(text, -1) {
		for _, e := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
			plain, err := e.DecodeString(strings.TrimRight(w, "="))
			if err != nil {
				continue
			}
			for id := int64(acme); id <= second; id++ {
				raw := string(binary.BigEndian.AppendUint64(nil, uint64(id)))[2:]
				for _, n := range []string{strconv.FormatInt(id, 10), strconv.FormatInt(id, 36), raw} {
					if strings.Contains(string(plain), n) {
						found = append(found, w)
					}
				}
			}
		}
	}
	return found
}

func TestV8_NoAnswerHoldsARowID(t *testing.T) {
	for _, leak := range []string{
		`"x":` + strconv.FormatInt(ownCustomer, 10), strconv.FormatInt(ownCustomer, 36),
		base64.RawURLEncoding.EncodeToString([]byte("mc0." + strconv.FormatInt(tagA, 36))), // as the services' own cursors
	} {
		if len(rowIDsIn(leak)) == 0 {
			t.Errorf("the search does not find %q", leak)
		}
	}
	c := newCompany(t)
	cursors := 0
	for name, answer := range c.answers() {
		cursors += strings.Count(answer, `"next_cursor"`)
		if found := rowIDsIn(answer); len(found) > 0 {
			t.Errorf("%s holds %v: %s", name, found, head(answer))
		}
	}
	if cursors < 12 {
		t.Errorf("only %d cursors were looked at", cursors)
	}
}

// TestTimelineShowsEveryFact holds that the facts arrive with public ids in the place of row ids.
func TestTimelineShowsEveryFact(t *testing.T) {
	c := newCompany(t)
	modeltest.Create(t, c.db, &model.Event{
		Kind: "of.later", AccountID: acme, CustomerID: ownCustomer, Source: "console", DedupeKey: []byte("later-of-16bytes"), OccurredAt: noon, RecordedAt: noon,
		Payload: fmt.Sprintf(`{"coupon_id":%d,"coupon_ids":[%d],"count":3}`, tagA, tagB),
	})
	rec := c.do(request{method: "GET", path: "/api/console/customers/" + c.ids.Of(model.KindCustomer, ownCustomer) + "/events", token: c.tokens["admin"]})
	page := decode[struct {
		Items []struct {
			Kind    string
			Payload map[string]any
		}
	}](t, rec.Body.Bytes())
	if len(page.Items) != len(facts())+1 {
		t.Errorf("%d of %d facts", len(page.Items), len(facts())+1)
	}
	if found := rowIDsIn(rec.Body.String()); len(found) > 0 {
		t.Errorf("ids that nobody has named get out: %v", found)
	}
	want := map[string]map[string]any{
		"customer.tag_changed":       {"added": []any{c.ids.Of(model.KindTag, tagA)}, "relation_id": c.ids.Of(model.KindRelation, ownRelation)},
		"customer.same_person_found": {"other_id": c.ids.Of(model.KindCustomer, careCustomer)},
		"group.joined":               {"group_id": c.ids.Of(model.KindGroup, ownGroup), "join_scene": 3.0},
		"of.later":                   {"count": 3.0},
		"customer.added":             {"channel_code_id": c.ids.Of(model.KindChannelCode, codeID), "state": "st1"},
	}
	for _, e := range page.Items {
		for name, value := range want[e.Kind] {
			if fmt.Sprint(e.Payload[name]) != fmt.Sprint(value) {
				t.Errorf("%s: %s is %v, want %v", e.Kind, name, e.Payload[name], value)
			}
		}
	}
}

// TestPagesAddUp walks every list in pages of one and holds the walk against one large page.
func TestPagesAddUp(t *testing.T) {
	c := newCompany(t)
	walked := 0
	for name, r := range c.paged() {
		large, _ := c.page(r, "limit=200")
		var small []string
		cursor := ""
		for range len(large) + 2 {
			items, next := c.page(r, "limit=1&cursor="+cursor)
			small = append(small, items...)
			if cursor = next; cursor == "" {
				break
			}
		}
		if cursor != "" || !slices.Equal(large, small) {
			t.Errorf("%s: one page has %d entries, the walk %d", name, len(large), len(small))
		}
		if len(large) > 1 {
			walked++
		}
	}
	if walked < 12 {
		t.Errorf("only %d lists have several pages", walked)
	}
}

// paged gives a request for each list that has pages.
func (c *company) paged() map[string]request {
	names, out := c.pagedRoutes(), map[string]request{}
	c.eachRoute(func(r Route, k call) {
		if slices.Contains(names, r.name()) {
			q := c.requestOf(r, k)
			q.token = c.tokenOf(r, "admin")
			out[r.name()] = q
		}
	})
	return out
}

func (c *company) page(q request, query string) (items []string, next string) {
	c.t.Helper()
	q.path += sign(q.path) + query
	rec := c.do(q)
	p := decode[struct {
		Items []struct{ ID string }
		Next  string `json:"next_cursor"`
	}](c.t, rec.Body.Bytes())
	if rec.Code != 200 {
		c.t.Fatalf("%s: %d %s", q.path, rec.Code, rec.Body)
	}
	for _, i := range p.Items {
		items = append(items, i.ID)
	}
	return items, p.Next
}

func TestS50_ForgedCursorsAreRefused(t *testing.T) {
	c := newCompany(t)
	lists := c.paged()
	given := map[string]string{}
	for name, q := range lists {
		if _, next := c.page(q, "limit=1"); next != "" {
			given[name] = next
		}
	}
	plain := base64.RawURLEncoding.EncodeToString([]byte("mc0." + strconv.FormatInt(ownCustomer, 36)))
	for name, q := range lists {
		forged := []string{"x", plain, "81726354013", c.ids.Of(model.KindCustomer, ownCustomer), strings.Repeat("A", 500), "%27%20or%201=1"}
		for other, cursor := range given {
			if other != name {
				forged = append(forged, cursor)
			}
		}
		if own := given[name]; own != "" {
			forged = append(forged, flipped(own), own+"A", own[:len(own)-4])
		}
		for _, cursor := range forged {
			f := q
			f.path += sign(q.path) + "cursor=" + cursor
			problemOf(t, name+" from "+cursor, c.do(f), 422, "bad_cursor")
		}
	}
}

func flipped(cursor string) string {
	b := []byte(cursor)
	if b[20]++; b[20] == 'z'+1 || b[20] == 'Z'+1 || b[20] == '9'+1 {
		b[20] = 'a'
	}
	return string(b)
}

// TestS65_LogsHoldNothingPersonal does everything there is and reads the log, at its most talkative.
func TestS65_LogsHoldNothingPersonal(t *testing.T) {
	c := newCompanyWithLogin(t, options{})
	c.answers()
	c.signIn(request{})
	c.signIn(request{body: map[string]any{"login": "LoginCanary", "password": "PasswordCanary"}})
	c.do(request{method: "GET", path: "/api/console/customers?name=王小明", token: c.tokens["admin"]})
	c.do(request{method: "GET", path: "/PathCanary?q=QueryCanary", header: http.Header{"User-Agent": {"AgentCanary"}, "Referer": {"RefererCanary"}}})
	log := c.logs.String()
	if strings.Count(log, "route=/api/console/customers") < 2 || !strings.Contains(log, "route=none") || !strings.Contains(log, "request_id=") {
		t.Fatalf("the log does not name routes: %s", head(log))
	}
	for _, canary := range []string{
		"王小明", "Canary", phrase, c.tokens["admin"], "13800138000", c.ids.Of(model.KindCustomer, ownCustomer), "192.0.2.1", "8172635",
	} {
		if strings.Contains(log, canary) {
			t.Errorf("the log holds %q", canary)
		}
	}
}

// TestV19_NothingIsInjected sends what would break lines and headers apart.
func TestV19_NothingIsInjected(t *testing.T) {
	c := newCompany(t)
	evil := "a%0d%0aX-Evil:%201%0d%0a%0d%0a<script>\""
	for _, q := range []request{
		{method: "GET", path: "/" + evil},
		{method: "GET", path: "/docs/" + evil},
		{method: "GET", path: "/api/console/customers/" + evil, token: c.tokens["admin"]},
		{method: "GET", path: "/api/console/customers?name=" + evil + "&sort=" + evil, token: c.tokens["admin"]},
		{method: "POST", path: "/callback/wecom/" + evil, body: "<xml/>"},
		{method: "GET", path: "/healthz", header: http.Header{"X-Request-Id": {"abc\r\nX-Evil: 1\r\n\r\nlevel=ERROR"}}},
		{method: "GET", path: "/healthz", header: http.Header{"X-Forwarded-Prefix": {"//evil.example"}, "X-Original-Url": {"/metrics"}}},
	} {
		rec := c.do(q)
		if rec.Header().Get("X-Evil") != "" || strings.ContainsAny(fmt.Sprint(rec.Header()), "\r\n") || rec.Code >= 300 && rec.Code < 400 {
			t.Errorf("%s: %d %v", q.path, rec.Code, rec.Header())
		}
		if ct := rec.Header().Get("Content-Type"); strings.Contains(rec.Body.String(), "<script>") && strings.Contains(ct, "html") {
			t.Errorf("%s comes back as a page: %s", q.path, rec.Body)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(c.logs.String()), "\n") {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("a log line of somebody's own: %q", line)
		}
	}
	if strings.Contains(c.logs.String(), "X-Evil") {
		t.Error("the log holds what was sent")
	}
}

// TestV3_NoParameterBreaksAQuery puts what is special to SQL, to patterns and to dates into every
// parameter there is.
func TestV3_NoParameterBreaksAQuery(t *testing.T) {
	c := newCompany(t)
	document, tried := c.openAPI(), 0
	c.eachRoute(func(r Route, k call) {
		for _, p := range document.Paths[r.Path][strings.ToLower(r.Method)].Parameters {
			if p.In != "query" {
				continue
			}
			for _, value := range []string{
				"'", `"`, "`", `\`, "%", "_", "' OR 1=1 --", "1;DROP TABLE staff", "😀🇨🇳", "ＡＢＣ\u202e", strings.Repeat("长", 64), ",", ",,,", "-1", "9223372036854775808",
				"0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30", "0000-00-00", "true", "null", "[]", "0x41",
			} {
				tried++
				q := c.requestOf(r, k)
				address := must(url.Parse(q.path))(t)
				query := address.Query()
				query.Set(p.Name, value)
				address.RawQuery = query.Encode()
				q.path, q.token = address.String(), c.tokenOf(r, "admin")
				if rec := c.do(q); rec.Code != 200 && rec.Code != 204 && rec.Code != 404 && rec.Code != 422 {
					t.Errorf("%s with %s=%s: %d %s", r.name(), p.Name, value, rec.Code, head(rec.Body.String()))
				}
			}
		}
	})
	if tried < 500 {
		t.Errorf("only %d tries", tried)
	}
}
