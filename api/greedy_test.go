package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
)

// listen serves a company over real connections, with the limits that they have in service.
func (c *company) listen() (address string) {
	c.t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(c.t)
	server := c.server.HTTP("")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	c.t.Cleanup(func() { server.Close(); <-done })
	return l.Addr().String()
}

func TestF41_GreedyRequestsAreRefusedQuickly(t *testing.T) {
	c := newCompany(t)
	address := c.listen()
	var keys, parameters strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&keys, `,"k%d":1`, i)
	}
	for i := range 100_000 {
		fmt.Fprintf(&parameters, "p%d=1&", i)
	}
	post := func(body string) request {
		return request{method: "POST", path: write, body: body, token: c.tokens["admin"]}
	}
	get := func(query string) request {
		return request{method: "GET", path: "/api/console/customers?" + query, token: c.tokens["admin"]}
	}
	client := &http.Client{Timeout: 10 * time.Second}
	for _, tt := range []struct {
		name   string
		q      request
		status []int
	}{
		{"10,000 keys", post(`{"name":"a"` + keys.String() + `}`), []int{422}},
		{"1,000 deep", post(strings.Repeat(`{"name":`, 1000) + "1" + strings.Repeat("}", 1000)), []int{422}},
		{"100,000 deep", post(strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)), []int{400, 422}},
		{"a key of a megabyte", post(`{"` + strings.Repeat("k", 1<<20-100) + `":1}`), []int{422}},
		{"8 MB", post(`{"name":"` + strings.Repeat("a", 8<<20) + `"}`), []int{413}},
		{"a number of 100,000 digits", post(`{"position":` + strings.Repeat("9", 100_000) + `}`), []int{400, 422}},
		{"100,000 parameters", get(parameters.String()), []int{431}},
		{"2,000 parameters", get(parameters.String()[:16_000]), []int{422}},
		{"a header of 100 KB", request{method: "GET", path: "/healthz", header: http.Header{"X-Big": {strings.Repeat("a", 100<<10)}}}, []int{431}},
		{"languages without end", request{method: "GET", path: "/nothing", header: http.Header{"Accept-Language": {strings.Repeat("en-", 10_000)}}}, []int{404}},
	} {
		req := must(http.NewRequest(tt.q.method, "http://"+address+tt.q.path, tt.q.reader(t)))(t)
		tt.q.dress(req)
		began := time.Now()
		answer, err := client.Do(req)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		size, err := io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if took := time.Since(began); !slices.Contains(tt.status, answer.StatusCode) || took > 5*time.Second || size > 16<<10 {
			t.Errorf("%s: %d after %s, %d bytes of answer", tt.name, answer.StatusCode, took, size)
		}
	}
}

// endless is a body without an end; it counts what was read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read > 64<<20 {
		return 0, io.EOF
	}
	e.read += len(p)
	return copy(p, bytes.Repeat([]byte(" "), len(p))), nil
}

func TestF41_ABodyIsReadOnlyUpToItsLimit(t *testing.T) {
	c := newCompany(t)
	for path, limit := range map[string]int{write: maxJSON, "/api/console/media": maxForm} {
		for _, token := range []string{c.tokens["admin"], ""} {
			body := &endless{}
			begin := ""
			if limit == maxForm {
				begin = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
			}
			req := httptest.NewRequest("POST", path, io.MultiReader(strings.NewReader(begin), body))
			req.ContentLength = -1
			req.Header.Set("Content-Type", "application/json")
			if limit == maxForm {
				req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			}
			req.Header.Set("Authorization", "Bearer "+token)
			rec := httptest.NewRecorder()
			c.handler.ServeHTTP(rec, req)
			switch {
			case token == "" && (rec.Code != 401 || body.read > 0):
				t.Errorf("%s of a stranger: %d after %d bytes", path, rec.Code, body.read)
			case token != "" && (rec.Code != 413 || body.read > limit+1<<20):
				t.Errorf("%s: %d after %d bytes", path, rec.Code, body.read)
			}
		}
	}
}

// TestF40_G19_SlowClientsHurtNobody holds 500 connections that never end their headers, and 50 that
// never end their bodies, and asks meanwhile.
func TestF40_G19_SlowClientsHurtNobody(t *testing.T) {
	c := newCompany(t)
	address := c.listen()
	base := worstOf(t, address, 50)
	for i := range 550 {
		conn := must(net.Dial("tcp", address))(t)
		defer conn.Close()
		begin := "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "
		if i >= 500 {
			begin = "POST /api/console/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
		}
		if _, err := io.WriteString(conn, begin); err != nil {
			t.Fatal(err)
		}
	}
	if worst := worstOf(t, address, 200); worst > max(20*base, time.Second) {
		t.Errorf("the slowest answer took %s, %s before", worst, base)
	}
}

func worstOf(t *testing.T, address string, n int) (worst time.Duration) {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for range n {
		began := time.Now()
		answer, err := client.Get("http://" + address + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 200 {
			t.Fatalf("/healthz: %d", answer.StatusCode)
		}
		worst = max(worst, time.Since(began))
	}
	return worst
}

// TestF40_UnfinishedHeadersAreCutOff waits for the limit to pass.
func TestF40_UnfinishedHeadersAreCutOff(t *testing.T) {
	t.Parallel() // it mostly waits
	c := newCompany(t)
	server := c.server.HTTP("")
	if server.ReadHeaderTimeout > 5*time.Second || server.ReadTimeout > 15*time.Second || server.IdleTimeout > time.Minute || server.WriteTimeout == 0 {
		t.Errorf("limits: %+v", server)
	}
	conn := must(net.Dial("tcp", c.listen()))(t)
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := conn.SetReadDeadline(began.Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err := io.Copy(io.Discard, bufio.NewReader(conn))
	if took := time.Since(began); err != nil || took > 10*time.Second {
		t.Errorf("cut off after %s: %v", took, err)
	}
}

// TestLongWorkOutlivesTheReadLimit has a request with a body take longer than huma's limit for
// bodies, which ends a request's context unless it is lifted.
func TestLongWorkOutlivesTheReadLimit(t *testing.T) {
	t.Parallel() // it mostly waits
	c := newCompany(t)
	ended, once := make(chan error, 1), sync.Once{}
	err := c.db.Callback().Query().Before("gorm:query").Register("linger", func(tx *gorm.DB) {
		if strings.Contains(fmt.Sprintf("%T", tx.Statement.Dest), "SignInFailure") {
			once.Do(func() {
				select {
				case <-tx.Statement.Context.Done():
					ended <- context.Cause(tx.Statement.Context)
				case <-time.After(6 * time.Second):
					ended <- nil
				}
			})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	body := strings.NewReader(`{"login":"somebody","password":"wrong"}`)
	answer := must(http.Post("http://"+c.listen()+"/api/console/sign-in", "application/json", body))(t)
	defer answer.Body.Close()
	select {
	case cause := <-ended:
		if cause != nil || answer.StatusCode != 401 {
			t.Errorf("%d: the request's context ended: %v", answer.StatusCode, cause)
		}
	default:
		t.Errorf("%d before the long work began", answer.StatusCode)
	}
}

// TestF13_NoConnectionLeft takes every database connection and asks.
func TestF13_NoConnectionLeft(t *testing.T) {
	c := newCompany(t)
	pool := must(c.db.DB())(t)
	pool.SetMaxOpenConns(2)
	for range 2 {
		conn := must(pool.Conn(context.Background()))(t)
		defer conn.Close()
	}
	if rec := c.do(request{method: "GET", path: "/healthz"}); rec.Code != 200 {
		t.Errorf("/healthz: %d", rec.Code)
	}
	c.server.requestTime = 300 * time.Millisecond
	began := time.Now()
	rec := c.do(request{method: "GET", path: "/api/console/me", token: c.tokens["admin"]})
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the wait for a connection took %s", took)
	}
	problemOf(t, "without a connection", rec, 503, "unavailable")
	if rec.Header().Get("Retry-After") == "" {
		t.Error("503 does not say when to try again")
	}
}
