package segment

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	sqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// TestV1_TheServerHearsNoOtherStatement asks the database hostile rules. What it is sent for each, with every number and
// quoted text taken for a parameter, is the statement of the same rule with harmless texts, and the answer is what the rule
// means read one customer after the other: a text that got out of its quotes would change the one, and one that changed on
// its way the other.
func TestV1_TheServerHearsNoOtherStatement(t *testing.T) {
	const rules = 300
	db, heard := heardDB(t)
	w := newWorld(t, db, 3, 40, noon)
	g, known := newGuard(), vocabularyOf(w)
	rnd := rand.New(rand.NewPCG(11, 12))
	accepted := 0
	for i := 0; accepted < rules; i++ {
		program := make([]byte, 10+rnd.IntN(60))
		for k := range program {
			program[k] = byte(rnd.IntN(256))
		}
		h := hostile{program: program, text: hostileTexts[i%len(hostileTexts)]}
		raw, err := json.Marshal(h.node(1))
		if err != nil {
			t.Fatal(err)
		}
		rule, err := Decode(raw, rowIDs{}, known)
		if errors.Is(err, ErrRule) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		accepted++
		e := &Env{Now: noon, Zone: shanghai, Known: known, Minors: i%2 == 0, SQLite: model.IsSQLite(db)}
		harmless := g.compiled(e, tamed(rule))
		heard.forget()
		for k, q := range g.compiled(e, rule) {
			if _, err := selectIDs(db, q); err != nil {
				t.Fatalf("%s: %v\n%s", raw, err, q.SQL)
			}
			if modeltest.OnMySQL() {
				if got := heard.statements(); len(got) != k+1 || shapeOf(got[k]) != shapeOf(harmless[k].SQL) {
					t.Fatalf("%s is heard as\n%q\nits harmless form is\n%s", raw, got, harmless[k].SQL)
				}
			}
		}
		all, err := e.Select(rule, Scope{})
		if err != nil {
			t.Fatal(err)
		}
		var want []int64
		for _, c := range w.customers {
			if (oracle{w, noon, e.Minors}).fits(rule, c) {
				want = append(want, c.ID)
			}
		}
		if got := ids(t, db, all); !slices.Equal(got, want) {
			t.Fatalf("%s\ngot  %v\nwant %v\n%s\n%q", raw, got, want, all.SQL, all.Args)
		}
	}
}

// shapeOf writes ? for every number and quoted text of a statement, as the server reads it: a quote in a text is doubled or
// follows a backslash.
func shapeOf(sql string) string {
	var out strings.Builder
	for len(sql) > 0 {
		n := wordAt(sql)
		switch {
		case sql[0] == '\'' || sql[0] == '"':
			n = quotedAt(sql)
			out.WriteByte('?')
		case isDigit(sql[0]):
			out.WriteByte('?')
		default:
			out.WriteString(sql[:n])
		}
		sql = sql[n:]
	}
	return out.String()
}

// quotedAt is how long the quoted text is that a statement begins with.
func quotedAt(sql string) int {
	for i := 1; i < len(sql); i++ {
		switch {
		case sql[i] == '\\':
			i++
		case sql[i] == sql[0] && i+1 < len(sql) && sql[i+1] == sql[0]:
			i++
		case sql[i] == sql[0]:
			return i + 1
		}
	}
	return len(sql)
}

// wire keeps the statements that clients send to a MySQL server.
type wire struct {
	mu  sync.Mutex
	all []string
}

func (w *wire) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = nil
}

func (w *wire) statements() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

// heardDB is a database; on MySQL what is sent to it is kept as it goes over the wire.
func heardDB(t *testing.T) (*gorm.DB, *wire) {
	w := &wire{}
	if !modeltest.OnMySQL() {
		return modeltest.DB(t), w
	}
	c, err := sqldriver.ParseDSN(strings.TrimPrefix(modeltest.DSN(t), "mysql://"))
	if err != nil {
		t.Fatal(err)
	}
	network := c.Net
	c.Net = "heard"
	sqldriver.RegisterDialContext(c.Net, func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return &heardConn{Conn: conn, wire: w}, err
	})
	t.Cleanup(func() { sqldriver.DeregisterDialContext("heard") })
	db, err := model.Open(t.Context(), model.Options{DSN: "mysql://" + c.FormatDSN()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { model.Close(db) })
	return db, w
}

// heardConn reads along: a packet is three bytes of length, a number that is 0 of a command, and, of a statement, a 3
// before its text.
type heardConn struct {
	net.Conn
	wire *wire
	rest []byte
}

func (c *heardConn) Write(b []byte) (int, error) {
	c.rest = append(c.rest, b...)
	for len(c.rest) >= 4 {
		size := 4 + int(c.rest[0]) + int(c.rest[1])<<8 + int(c.rest[2])<<16
		if len(c.rest) < size {
			break
		}
		if p := c.rest[3:size]; len(p) > 2 && p[0] == 0 && (p[1] == 3 || p[1] == 22) {
			c.wire.mu.Lock()
			c.wire.all = append(c.wire.all, string(p[2:]))
			c.wire.mu.Unlock()
		}
		c.rest = c.rest[size:]
	}
	return c.Conn.Write(b)
}
