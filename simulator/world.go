package simulator

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// world is everything that export and import carry. Simulator.mu guards it.
type world struct {
	Version  int                 `json:"version"`
	Seed     int64               `json:"seed"`
	Next     int64               `json:"next"` // last number handed out
	Offset   time.Duration       `json:"clock_offset"`
	Random   []byte              `json:"random"`
	Config   Config              `json:"config"`
	Corps    map[string]*corp    `json:"corps"`
	MiniApps map[string]*miniApp `json:"mini_apps"`
	People   map[string]*person  `json:"people"`
	Tokens   map[string]*token   `json:"tokens"`
	Codes    map[string]*code    `json:"codes"`

	pcg *rand.PCG
	rnd *rand.Rand
}

// person is a WeChat user, or with Type 2 a WeCom user of another corp.
type person struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Gender  int    `json:"gender"`
	Type    int    `json:"type"`
	UnionID string `json:"unionid,omitempty"`
	Phone   string `json:"phone,omitempty"`
	Corp    string `json:"corp_name,omitempty"`
	Job     string `json:"position,omitempty"`
}

type corp struct {
	ID          string                 `json:"id"`
	Name        string                 `json:"name"`
	Apps        map[int64]*app         `json:"apps"`
	Departments map[int64]*department  `json:"departments"`
	Staff       map[string]*staff      `json:"staff"` // by lower-case userid
	Customers   map[string]*customer   `json:"customers"`
	TagGroups   []*tagGroup            `json:"tag_groups"`
	Ways        map[string]*contactWay `json:"contact_ways"`
	Groups      map[string]*group      `json:"groups"`
	Welcomes    map[string]*welcome    `json:"welcomes"`
	Media       map[string]*media      `json:"media"`
	Images      map[string]*media      `json:"images"`
	Messages    []*message             `json:"messages"`
	Pending     map[string]pending     `json:"pending,omitempty"` // by pending id
	Mass        []*massMessage         `json:"mass,omitempty"`    // ascending Seq
	MassUsed    map[string]int         `json:"mass_used,omitempty"`
	Moments     []*moment              `json:"moments,omitempty"`   // ascending Seq
	Behaviour   map[string]behaviour   `json:"behaviour,omitempty"` // by day and member
	MomentSeen  map[string]int         `json:"moment_seen,omitempty"`
	Kf          map[string]*kfAccount  `json:"kf,omitempty"` // by open_kfid

	relations map[string][]*relation // by lower-case userid, ascending Seq
	ways      []*contactWay          // ascending Seq
}

// app is a self-built app. Empty ranges and lists mean no restriction.
type app struct {
	AgentID        int64        `json:"agentid"`
	Name           string       `json:"name"`
	Secret         string       `json:"secret"`
	Rights         []string     `json:"rights"`
	VisibleUsers   []string     `json:"visible_users,omitempty"`
	VisibleParties []int64      `json:"visible_parties,omitempty"`
	TrustedIPs     []string     `json:"trusted_ips,omitempty"`
	TrustedDomains []string     `json:"trusted_domains,omitempty"`
	Callback       callbackSpec `json:"callback"`
}

// callbackSpec is where and how an app or mini-program is told about events.
type callbackSpec struct {
	URL    string   `json:"url"`
	Token  string   `json:"token"`
	AESKey string   `json:"aes_key"`
	Format string   `json:"format"`           // xml (default) or json
	Plain  bool     `json:"plain,omitempty"`  // mini-program push without encryption
	Events []string `json:"events,omitempty"` // switches; empty = all
}

type department struct {
	ID      int64    `json:"id"`
	Name    string   `json:"name"`
	Parent  int64    `json:"parent"`
	Order   int64    `json:"order"`
	Leaders []string `json:"leaders,omitempty"`
}

// Member states of the platform.
const (
	staffActive   = 1
	staffDisabled = 2
	staffInactive = 4
	staffLeft     = 5
)

type staff struct {
	Seq            int64   `json:"seq"`
	UserID         string  `json:"userid"`
	Name           string  `json:"name"`
	Departments    []int64 `json:"departments"`
	Position       string  `json:"position"`
	Leader         bool    `json:"leader,omitempty"`
	Gender         int     `json:"gender"`
	Mobile         string  `json:"mobile,omitempty"`
	Status         int     `json:"status"`
	CustomerRight  bool    `json:"customer_right"`            // may use 客户联系
	ConsoleWelcome bool    `json:"console_welcome,omitempty"` // the console has a welcome, so no WelcomeCode
	NeverConfirms  bool    `json:"never_confirms,omitempty"`  // leaves mass messages and moments lying
}

type customer struct {
	ID        string      `json:"external_userid"`
	Person    string      `json:"person"`
	Relations []*relation `json:"relations"`
}

type relation struct {
	Seq         int64    `json:"seq"`
	UserID      string   `json:"userid"`
	Customer    string   `json:"external_userid"`
	Created     int64    `json:"created"`
	Remark      string   `json:"remark,omitempty"`
	Description string   `json:"description,omitempty"`
	Company     string   `json:"company,omitempty"`
	Mobiles     []string `json:"mobiles,omitempty"`
	Tags        []string `json:"tags,omitempty"`     // ids of corp tags
	OwnTags     []string `json:"own_tags,omitempty"` // names of the member's private tags
	State       string   `json:"state,omitempty"`
	Way         string   `json:"way,omitempty"` // config_id
	AddWay      int      `json:"add_way"`
	Operator    string   `json:"operator"`
	Left        bool     `json:"left,omitempty"` // the customer deleted the member; still readable
	Half        bool     `json:"half,omitempty"` // the member has not confirmed yet
}

func newWorld(seed int64) *world {
	w := &world{
		Version: 1, Seed: seed, Config: defaultConfig(),
		Corps: map[string]*corp{}, MiniApps: map[string]*miniApp{}, People: map[string]*person{},
		Tokens: map[string]*token{}, Codes: map[string]*code{},
	}
	w.pcg = rand.NewPCG(uint64(seed), 0x5eed)
	w.rnd = rand.New(w.pcg)
	return w
}

func newCorp(id, name string) *corp {
	return &corp{
		ID: id, Name: name, Apps: map[int64]*app{}, Departments: map[int64]*department{},
		Staff: map[string]*staff{}, Customers: map[string]*customer{}, Ways: map[string]*contactWay{},
		Groups: map[string]*group{}, Welcomes: map[string]*welcome{}, Media: map[string]*media{}, Images: map[string]*media{},
		relations: map[string][]*relation{},
	}
}

func (w *world) next() int64 { w.Next++; return w.Next }

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// derive gives n (at most 43) letters and digits that depend on the seed and the parts only.
func (w *world) derive(n int, parts ...any) string {
	sum := w.digest(parts...)
	second := sha256.Sum256(sum[:])
	out := make([]byte, n)
	for i, b := range append(sum[:], second[:]...)[:n] {
		out[i] = alphabet[int(b)%len(alphabet)]
	}
	return string(out)
}

func (w *world) digest(parts ...any) [32]byte {
	return sha256.Sum256([]byte(fmt.Sprintln(append([]any{w.Seed}, parts...)...)))
}

// id is a new identifier with the platform's prefix, length characters in all.
func (w *world) id(prefix string, length int) string {
	return prefix + w.derive(length-len(prefix), prefix, w.next())
}

// openID and externalID follow from the person, so that nothing has to be stored.
func (w *world) openID(appid, person string) string {
	return "o" + w.derive(27, "openid", appid, person)
}
func (w *world) externalID(c *corp, p *person) string {
	prefix := "wm"
	if p.Type == 2 {
		prefix = "wo"
	}
	return prefix + w.derive(30, "external", c.ID, p.ID)
}

func (w *world) corpIDs() []string    { return slices.Sorted(maps.Keys(w.Corps)) }
func (w *world) miniAppIDs() []string { return slices.Sorted(maps.Keys(w.MiniApps)) }

// fill makes a map that an import left out.
func fill[K comparable, V any](m *map[K]V) {
	if *m == nil {
		*m = map[K]V{}
	}
}

// reindex rebuilds what is not exported.
func (w *world) reindex() {
	fill(&w.MiniApps)
	fill(&w.Tokens)
	fill(&w.Codes)
	for _, m := range w.MiniApps {
		fill(&m.Sessions)
		fill(&m.Grants)
	}
	for _, c := range w.Corps {
		fill(&c.Departments)
		fill(&c.Ways)
		fill(&c.Groups)
		fill(&c.Welcomes)
		fill(&c.Media)
		fill(&c.Images)
		fill(&c.Kf)
		for _, k := range c.Kf {
			fill(&k.Sessions)
			fill(&k.Tokens)
			fill(&k.Sent)
		}
		c.relations = map[string][]*relation{}
		c.ways = c.ways[:0]
		for _, cu := range c.Customers {
			for _, r := range cu.Relations {
				k := strings.ToLower(r.UserID)
				c.relations[k] = append(c.relations[k], r)
			}
		}
		for _, rs := range c.relations {
			slices.SortFunc(rs, func(a, b *relation) int { return cmp.Compare(a.Seq, b.Seq) })
		}
		for _, way := range c.Ways {
			c.ways = append(c.ways, way)
		}
		slices.SortFunc(c.ways, func(a, b *contactWay) int { return cmp.Compare(a.Seq, b.Seq) })
	}
}

// member finds a member who has not left; userids are case-insensitive.
func (c *corp) member(userid string) *staff {
	m := c.Staff[strings.ToLower(userid)]
	if m == nil || m.Status == staffLeft {
		return nil
	}
	return m
}

// members lists who has not left, oldest first.
func (c *corp) members() []*staff {
	out := make([]*staff, 0, len(c.Staff))
	for _, m := range c.Staff {
		if m.Status != staffLeft {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b *staff) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

func (c *corp) departmentIDs() []int64 { return slices.Sorted(maps.Keys(c.Departments)) }

// under reports whether department id is root or lies below it.
func (c *corp) under(id, root int64) bool {
	for n := 0; n < 64; n++ {
		if id == root {
			return true
		}
		d := c.Departments[id]
		if d == nil || d.ID == 1 {
			return false
		}
		id = d.Parent
	}
	return false
}

// sees reports whether member m is in the app's visible range.
func (a *app) sees(c *corp, m *staff) bool {
	if len(a.VisibleUsers) == 0 && len(a.VisibleParties) == 0 {
		return true
	}
	for _, u := range a.VisibleUsers {
		if strings.EqualFold(u, m.UserID) {
			return true
		}
	}
	return slices.ContainsFunc(m.Departments, func(d int64) bool { return a.seesDepartment(c, d) })
}

func (a *app) seesDepartment(c *corp, id int64) bool {
	if len(a.VisibleUsers) == 0 && len(a.VisibleParties) == 0 {
		return true
	}
	return slices.ContainsFunc(a.VisibleParties, func(root int64) bool { return c.under(id, root) })
}

func (cu *customer) relation(userid string) *relation {
	for _, r := range cu.Relations {
		if strings.EqualFold(r.UserID, userid) {
			return r
		}
	}
	return nil
}

// addRelation creates the relation of a member and a person, or returns the one there is.
func (w *world) addRelation(c *corp, m *staff, p *person, now time.Time) (*relation, bool) {
	id := w.externalID(c, p)
	cu := c.Customers[id]
	if cu == nil {
		cu = &customer{ID: id, Person: p.ID}
		c.Customers[id] = cu
	}
	if r := cu.relation(m.UserID); r != nil {
		return r, false
	}
	r := &relation{Seq: w.next(), UserID: m.UserID, Customer: id, Created: now.Unix()}
	cu.Relations = append(cu.Relations, r)
	k := strings.ToLower(m.UserID)
	c.relations[k] = append(c.relations[k], r)
	return r, true
}

func (c *corp) removeRelation(r *relation) {
	same := func(x *relation) bool { return x == r }
	cu := c.Customers[r.Customer]
	cu.Relations = slices.DeleteFunc(cu.Relations, same)
	k := strings.ToLower(r.UserID)
	c.relations[k] = slices.DeleteFunc(c.relations[k], same)
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }
