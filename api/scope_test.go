package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// scoped are the kinds of things that somebody sees and somebody else does not, each with one of sales, one
// of service, and one of the other corp (0: there is none).
var scoped = map[model.Kind][3]int64{
	model.KindCustomer: {ownCustomer, careCustomer, rivalCustomer},
	model.KindRelation: {ownRelation, careRelation, rivalRelation},
	model.KindTask:     {ownTask, careTask, 0},
	model.KindNote:     {ownNote, careNote, rivalNote},
	model.KindOrder:    {ownOrder, careOrder, rivalOrder},
	model.KindGroup:    {ownGroup, careGroup, rivalGroup},
	// What somebody began and nobody else sees or stops.
	model.KindTagBatch: {batchID, batchID, 0},
	model.KindDelivery: {byHandID, byHandID, 0},
}

// houseWide are the kinds of things that everybody of a corp may see who has the permission.
var houseWide = map[model.Kind]bool{
	0: true, model.KindAccount: true, model.KindChannelCode: true, model.KindMedia: true, model.KindSession: true,
}

// narrow are the roles that see less than everything.
var narrow = []string{"sales", "service", "manager"}

// TestV5_EveryRouteOfSomebodysThingsSaysWhatIsHidden fails for a new route about somebody's things without a
// hidden one in the table of calls, and for a new kind of thing that nobody has thought about.
func TestV5_EveryRouteOfSomebodysThingsSaysWhatIsHidden(t *testing.T) {
	c := newCompany(t)
	c.eachRoute(func(r Route, k call) {
		things, isScoped := scoped[k.kind]
		switch {
		case isScoped && things[0] != things[1] && k.hidden != things[1]:
			t.Errorf("%s is about %d and names no hidden one", r.name(), k.kind)
		case isScoped || houseWide[k.kind]:
		default:
			for _, role := range narrow {
				if r.Permission == "" || holds(role, r.Permission) {
					t.Errorf("%s lets %s reach things of kind %d: add it to scoped or to houseWide", r.name(), role, k.kind)
				}
			}
		}
	})
}

// elsewhere is a valid request with what it names, in path, query and body, replaced by another's things.
// same is true when nothing was there to replace.
func (c *company) elsewhere(r Route, k call, who int) (q request, same bool) {
	c.t.Helper()
	q = c.requestOf(r, k)
	var pairs []string
	for kind, things := range scoped {
		if things[who] != 0 && things[who] != things[0] {
			pairs = append(pairs, c.ids.Of(kind, things[0]), c.ids.Of(kind, things[who]))
		}
	}
	// Some routes are tried with one of several own things.
	if things, ok := scoped[k.kind]; ok && things[who] != 0 {
		pairs = append(pairs, c.ids.Of(k.kind, k.row), c.ids.Of(k.kind, things[who]))
	}
	replace := strings.NewReplacer(pairs...)
	before := q.path
	q.path = replace.Replace(q.path)
	same = q.path == before
	if _, isForm := q.body.([]byte); q.body == nil || isForm {
		return q, same
	}
	raw, err := json.Marshal(q.body)
	if err != nil {
		c.t.Fatal(err)
	}
	body := replace.Replace(string(raw))
	q.body = body
	return q, same && body == string(raw)
}

// TestV5_V6_S37_OthersThingsAreNotFound names others' things wherever a route takes a name: in the address,
// in the query, in the body; for reading, changing, and all that is done besides. What is refused changes
// nothing.
func TestV5_V6_S37_OthersThingsAreNotFound(t *testing.T) {
	c := newCompany(t)
	before, tried := c.content(), 0
	// Whose things each role does not see: 0 those of sales, 1 those of service, 2 those of the other corp.
	blind := map[string][]int{"sales": {1, 2}, "manager": {1, 2}, "service": {0, 2}}
	c.eachRoute(func(r Route, k call) {
		for role, whose := range blind {
			if r.Anyone || r.Permission == "" || !holds(role, r.Permission) {
				continue
			}
			for _, who := range whose {
				q, same := c.elsewhere(r, k, who)
				if names := c.requestOf(r, k); who == 0 { // as it stands it names things of sales
					same = !c.namesScoped(names)
				}
				if same {
					continue
				}
				tried++
				q.token = c.tokenOf(r, role)
				rec := c.do(q)
				if r.Method == http.MethodGet && !strings.Contains(r.Path, "{") { // a list may be empty instead
					if strings.Contains(rec.Body.String(), `"items":[{`) || rec.Code != 200 && rec.Code != 404 {
						t.Errorf("%s of others as %s: %d %s", r.name(), role, rec.Code, head(rec.Body.String()))
					}
					continue
				}
				problemOf(t, r.name()+" of others as "+role, rec, 404, "")
			}
		}
	})
	if c.content() != before {
		t.Error("something that was refused has changed rows")
	}
	if tried < 100 {
		t.Errorf("only %d cells", tried)
	}
	t.Logf("%d cells", tried)
}

// namesScoped tells whether a request names things of sales.
func (c *company) namesScoped(q request) bool {
	raw, _ := json.Marshal(q.body)
	for kind, things := range scoped {
		if id := c.ids.Of(kind, things[0]); strings.Contains(q.path, id) || strings.Contains(string(raw), id) {
			return true
		}
	}
	return false
}

// TestS63_NothingOfAnotherCorpReachesScopedRoles reads every list and every detail as somebody of one corp,
// also asking for the other, and looks for what belongs to the other.
func TestS63_NothingOfAnotherCorpReachesScopedRoles(t *testing.T) {
	c := newCompany(t)
	const code, media, department = base + 3000, base + 3001, base + 3002
	modeltest.Create(t, c.db,
		&model.ChannelCode{ID: code, AccountID: rival, Name: "乙活码", State: "st9", Enabled: true, CreatedBy: operatorID, CreatedAt: noon, UpdatedAt: noon},
		&model.Media{ID: media, AccountID: rival, Kind: "image", Name: "乙文件.png", MIME: "image/png", Size: 1, SHA256: make([]byte, 32), CreatedAt: noon, UpdatedAt: noon},
		&model.MediaContent{MediaID: media, Content: []byte("乙内容")},
		&model.Department{ID: department, AccountID: rival, PlatformID: 1, Name: "乙部门", CreatedAt: noon, UpdatedAt: noon},
		&model.Welcome{ID: base + 3003, AccountID: rival, Scope: "default", Text: "乙欢迎语", Attachments: "[]", Enabled: true, CreatedAt: noon, UpdatedAt: noon},
	)
	foreign := []string{
		"赵小刚", "乙等级", "乙重要", "乙活码", "乙文件", "乙内容", "乙部门", "乙欢迎语", "成员rival",
		c.ids.Of(model.KindCustomer, rivalCustomer), c.ids.Of(model.KindRelation, rivalRelation), c.ids.Of(model.KindGroup, rivalGroup),
		c.ids.Of(model.KindTag, rivalTag), c.ids.Of(model.KindOrder, rivalOrder), c.ids.Of(model.KindStaff, rivalID),
	}
	theirs := strings.NewReplacer(
		c.ids.Of(model.KindAccount, acme), c.ids.Of(model.KindAccount, rival), c.ids.Of(model.KindChannelCode, codeID), c.ids.Of(model.KindChannelCode, code),
		c.ids.Of(model.KindMedia, mediaID), c.ids.Of(model.KindMedia, media), c.ids.Of(model.KindCustomer, ownCustomer), c.ids.Of(model.KindCustomer, rivalCustomer),
		c.ids.Of(model.KindGroup, ownGroup), c.ids.Of(model.KindGroup, rivalGroup), c.ids.Of(model.KindOrder, ownOrder), c.ids.Of(model.KindOrder, rivalOrder))
	c.eachRoute(func(r Route, k call) {
		if r.Method != http.MethodGet {
			return
		}
		for _, role := range narrow {
			q := c.requestOf(r, k)
			q.token = c.tokenOf(r, role)
			asked := q
			asked.path = theirs.Replace(q.path)
			for _, q := range []request{q, asked} {
				body := c.do(q).Body.String()
				for _, f := range foreign {
					if strings.Contains(body, f) {
						t.Errorf("%s as %s shows %s", q.path, role, f)
					}
				}
			}
		}
	})
	// Those who see everybody see both corps.
	for _, path := range []string{"/tag-groups", "/staff", "/channel-codes", "/customers"} {
		rec := c.do(request{method: "GET", path: "/api/console" + path, token: c.tokens["auditor"]})
		if !strings.ContainsAny(rec.Body.String(), "乙赵") && !strings.Contains(rec.Body.String(), "成员rival") {
			t.Errorf("%s does not show an auditor the other corp", path)
		}
	}
}
