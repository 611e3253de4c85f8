package callback_test

import (
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	sqldriver "github.com/go-sql-driver/mysql"
)

// proxy stands between a replica and the database server, and fails on demand.
type proxy struct {
	net.Listener
	target string
	mu     sync.Mutex
	mode   string // "", down: refuses and cuts; hang: takes everything and answers nothing
	conns  map[net.Conn]bool
	gone   *sync.Cond
}

// newProxy gives a proxy to the server of a DSN of package modeltest, and the DSN that leads through it.
func newProxy(t *testing.T, dsn string) (*proxy, string) {
	t.Helper()
	c, err := sqldriver.ParseDSN(strings.TrimPrefix(dsn, "mysql://"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, target: c.Addr, conns: map[net.Conn]bool{}}
	p.gone = sync.NewCond(&p.mu)
	c.Addr = l.Addr().String()
	var wg sync.WaitGroup
	wg.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.set("down")
		wg.Wait()
	})
	return p, "mysql://" + c.FormatDSN()
}

func (p *proxy) set(mode string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = mode
	if mode == "down" {
		for c := range p.conns {
			c.Close()
		}
	}
	p.gone.Broadcast()
}

// keep notes a connection unless connections are refused now.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mode == "down" {
		c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *proxy) drop(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *proxy) accept() {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		in, err := p.Accept()
		if err != nil {
			return
		}
		if !p.keep(in) {
			continue
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil || !p.keep(out) {
			p.drop(in)
			continue
		}
		wg.Go(func() { p.pump(out, in); p.drop(in); p.drop(out) })
		wg.Go(func() { p.pump(in, out); p.drop(in); p.drop(out) })
	}
}

func (p *proxy) pump(to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		for p.mode == "hang" {
			p.gone.Wait()
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func onMySQL() bool { return os.Getenv("TEST_MYSQL_DSN") != "" }
