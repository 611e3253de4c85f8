package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.uber.org/goleak"
	"gorm.io/gorm"

	"zhiyin/config"
	"zhiyin/model/modeltest"
	"zhiyin/simulator"
)

// asZhiyin makes a process of this test binary be the command itself, so that tests can kill it.
const asZhiyin = "TEST_AS_ZHIYIN"

func TestMain(m *testing.M) {
	if os.Getenv(asZhiyin) != "" {
		main()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m,
		// A proxy between a server and its database that was cut off may never notice.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*NoopToxic).Pipe"))
}

type object = map[string]any

// Who signs in, and what the corp's account is called.
const (
	testLogin    = "keeper"
	testPassword = "a-house-stands-on-rock"
	testAccount  = "main"
)

// setting is how one test wants its house.
type setting struct {
	company  simulator.Company
	lenient  bool                            // the simulator takes what it does not know
	plain    bool                            // spawned servers are not watched by the race detector
	env      []string                        // of every server, ZHIYIN_…=…
	redis    string                          // instead of one of the test's own
	dsn      string                          // instead of one of the test's own
	platform func(http.Handler) http.Handler // stands before the simulator
}

// house is the whole product as people and the platform meet it: servers that are reached over HTTP,
// a database, a Redis, and the simulator on the other side.
type house struct {
	t       testing.TB
	env     []string
	dsn     string
	command string  // what is spawned
	address string  // where the platform's callbacks and the operator go
	sim     *client // the simulator's control API
	console *client // signed in, at address
	corp    simCorp
	account string               // public id of the corp's account
	redis   *miniredis.Miniredis // nil when TEST_REDIS_ADDR names one
}

// simCorp is what the simulator tells of a corp.
type simCorp struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Apps        []simApp        `json:"apps"`
	StaffList   []simStaff      `json:"staff_list"`
	Departments []simDepartment `json:"department_list"`
	GroupList   []simGroup      `json:"group_list"`
	Ways        []simWay        `json:"way_list"`
	TagGroups   []simTagGroup   `json:"tag_groups"`
}

type simApp struct {
	AgentID  int64  `json:"agentid"`
	Secret   string `json:"secret"`
	Callback struct {
		Token  string `json:"token"`
		AESKey string `json:"aes_key"`
	} `json:"callback"`
}

type simStaff struct {
	UserID      string  `json:"userid"`
	Name        string  `json:"name"`
	Departments []int64 `json:"departments"`
	Status      int     `json:"status"`
}

type simDepartment struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Parent int64  `json:"parent"`
}

type simGroup struct {
	ID      string `json:"chat_id"`
	Name    string `json:"name"`
	Owner   string `json:"owner"`
	Members []struct {
		ID string `json:"id"`
	} `json:"members"`
}

type simWay struct {
	ID    string   `json:"config_id"`
	State string   `json:"state"`
	Users []string `json:"user"`
}

type simTagGroup struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Tags []struct {
		ID      string `json:"id"`
		Name    string `json:"name"`
		Deleted bool   `json:"deleted"`
	} `json:"tags"`
	Deleted bool `json:"deleted"`
}

// newHouse builds everything but a server: start or spawn one, then moveIn.
func newHouse(t testing.TB, s setting) *house {
	t.Helper()
	sim := simulator.New(simulator.Options{Seed: 7, Company: s.company, Strict: !s.lenient})
	handler := sim.Handler()
	if s.platform != nil {
		handler = s.platform(handler)
	}
	platform := httptest.NewServer(handler)
	t.Cleanup(func() { platform.CloseClientConnections(); sim.Close(); platform.Close() })

	h := &house{t: t, dsn: s.dsn, command: self(t), address: freeAddress(t), sim: newClient(t, platform.URL+"/_sim")}
	if h.dsn == "" {
		h.dsn = modeltest.DSN(t)
	}
	if s.plain {
		h.command = unwatched(t)
	}
	key := make([]byte, 32)
	rand.Read(key)
	h.env = append([]string{
		"ZHIYIN_MODE=" + config.Development, "ZHIYIN_SECRET_KEY=" + base64.StdEncoding.EncodeToString(key),
		"ZHIYIN_DATABASE__DSN=" + h.dsn, "ZHIYIN_REDIS__ADDR=" + h.openRedis(s.redis), "ZHIYIN_REDIS__KEY_PREFIX=test:" + rand.Text() + ":",
		"ZHIYIN_SERVER__METRICS_LISTEN=", "ZHIYIN_LOG__LEVEL=warn",
		"ZHIYIN_PLATFORM__WECOM_URL=" + platform.URL + "/qyapi", "ZHIYIN_PLATFORM__WEIXIN_URL=" + platform.URL + "/weixin", "ZHIYIN_PLATFORM__OPEN_URL=" + platform.URL + "/open",
	}, s.env...)
	if err := createAdmin(t.Context(), h.config(), testLogin, "管家", testPassword); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) openRedis(given string) string {
	if given != "" {
		return given
	}
	if a := os.Getenv("TEST_REDIS_ADDR"); a != "" {
		return a
	}
	h.redis = miniredis.RunT(h.t)
	return h.redis.Addr()
}

// config is the configuration of a server, as it would be read from the environment.
func (h *house) config(more ...string) config.Config {
	h.t.Helper()
	cfg, err := config.Load("", append(h.env[:len(h.env):len(h.env)], more...))
	if err != nil {
		h.t.Fatal(err)
	}
	return cfg
}

// at are the settings of a server at an address.
func (h *house) at(address string) []string {
	return []string{"ZHIYIN_SERVER__LISTEN=" + address, "ZHIYIN_SERVER__PUBLIC_URL=http://" + address}
}

// start runs a server in this process at the house's address, until stop or the test's end.
func (h *house) start(more ...string) (stop func()) { return h.startAt(h.address, more...) }

func (h *house) startAt(address string, more ...string) (stop func()) {
	h.t.Helper()
	cfg := h.config(append(h.at(address), more...)...)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	log := slog.New(slog.NewTextHandler(h.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	go func() { ended <- serve(ctx, cfg, log, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		h.t.Fatalf("the server did not start: %v", err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("the server ended with: %v", err)
		}
	})
	h.t.Cleanup(stop)
	return stop
}

// process is the command as a process of its own.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	ended chan struct{}
}

// spawn runs the server as a process of its own and returns once it is ready.
func (h *house) spawn(more ...string) *process { h.t.Helper(); return h.spawnAt(h.address, more...) }

func (h *house) spawnAt(address string, more ...string) *process {
	h.t.Helper()
	p := h.begin(address, more...)
	eventually(h.t, 30*time.Second, "the server is ready", func() bool { return p.ready(address) })
	return p
}

// begin starts a server as a process of its own, which is not ready yet.
func (h *house) begin(address string, more ...string) *process {
	h.t.Helper()
	return runAs(h.t, h.command, h.t.TempDir(), h.t.Output(), append(append(h.env[:len(h.env):len(h.env)], h.at(address)...), more...), "serve")
}

// ready tells whether the server at an address, which is this process, answers. One that has ended fails the test.
func (p *process) ready(address string) bool {
	p.t.Helper()
	if p.over() {
		p.t.Fatalf("the server ended: %v", p.cmd.ProcessState)
	}
	return ready(address)
}

// self is the file of this test binary.
func self(t testing.TB) string {
	t.Helper()
	file, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// run starts the command in a folder; its words go to out.
func run(t testing.TB, dir string, out io.Writer, env []string, args ...string) *process {
	t.Helper()
	return runAs(t, self(t), dir, out, env, args...)
}

// runAs is run with another binary of the command.
func runAs(t testing.TB, command, dir string, out io.Writer, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(command, args...), ended: make(chan struct{})}
	p.cmd.Env = append(without(os.Environ(), "ZHIYIN_"), append(env, asZhiyin+"=1")...)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing outlives a test that was killed
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	t.Cleanup(p.kill)
	return p
}

func without(env []string, prefix string) []string {
	var kept []string
	for _, e := range env {
		if !strings.HasPrefix(e, prefix) {
			kept = append(kept, e)
		}
	}
	return kept
}

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// terminate asks the process to stop and returns its exit code.
func (p *process) terminate(signal os.Signal, within time.Duration) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	return p.finish(within)
}

// moveIn signs in, registers the simulated corp and has the platform call back to the house's address.
func (h *house) moveIn() {
	h.t.Helper()
	h.signIn()
	h.corp = h.world()
	a := h.corp.Apps[0]
	var account struct {
		ID string `json:"id"`
	}
	h.console.post("/accounts", object{
		"kind": "wecom", "name": testAccount, "title": h.corp.Name, "platform_id": h.corp.ID, "agent_id": a.AgentID,
		"secret": a.Secret, "callback_token": a.Callback.Token, "callback_aes_key": a.Callback.AESKey,
	}, &account)
	h.account = account.ID
	h.callBackTo(h.address)
}

func (h *house) signIn() {
	h.t.Helper()
	h.console = newClient(h.t, "http://"+h.address+"/api/console")
	var reply struct {
		Token string `json:"token"`
	}
	h.console.post("/sign-in", object{"login": testLogin, "password": testPassword}, &reply)
	h.console.token = reply.Token
}

func (h *house) callBackTo(address string) {
	h.t.Helper()
	h.sim.post("/callback", object{"url": "http://" + address + "/callback/wecom/" + testAccount}, nil)
}

// world is the simulated corp as it is now.
func (h *house) world() simCorp {
	h.t.Helper()
	var w struct {
		Corps []simCorp `json:"corps"`
	}
	h.sim.get("/world?full=1", &w)
	return w.Corps[0]
}

// db opens the servers' database, for judging what they left in it.
func (h *house) db() *gorm.DB { return modeltest.Open(h.t, h.dsn) }

// newHome is a house with one server in this process that has moved in.
func newHome(t testing.TB, s setting) *house {
	t.Helper()
	h := newHouse(t, s)
	h.start()
	h.moveIn()
	return h
}

func ready(address string) bool {
	c := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get("http://" + address + "/readyz")
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// freeAddress names a port that nobody listens on and that the system does not give to connections.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+mathrand.IntN(9_000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

// eventually waits until ok, and fails the test when that takes too long.
func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	within *= min(slack, 4)
	for end := time.Now().Add(within); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// client speaks JSON to one server.
type client struct {
	t     testing.TB
	base  string
	token string
	http  *http.Client
}

func newClient(t testing.TB, base string) *client {
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, base: base, http: &http.Client{Transport: transport, Timeout: 60 * time.Second}}
}

// call sends in (nothing when nil), decodes a good answer into out (unless nil), and returns status
// and answer. Status 0 means that nobody answered.
func (c *client) call(method, path string, in, out any) (int, string) {
	c.t.Helper()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			c.t.Fatal(err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, c.base+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	if res.StatusCode < 300 && out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			c.t.Fatalf("%s %s: %v in %.300s", method, path, err, answer)
		}
	}
	return res.StatusCode, string(answer)
}

// must is call that has to succeed.
func (c *client) must(method, path string, in, out any) {
	c.t.Helper()
	if status, answer := c.call(method, path, in, out); status < 200 || status >= 300 {
		c.t.Fatalf("%s %s: %d %.500s", method, path, status, answer)
	}
}

func (c *client) get(path string, out any)      { c.t.Helper(); c.must("GET", path, nil, out) }
func (c *client) post(path string, in, out any) { c.t.Helper(); c.must("POST", path, in, out) }
func (c *client) put(path string, in, out any)  { c.t.Helper(); c.must("PUT", path, in, out) }
func (c *client) remove(path string)            { c.t.Helper(); c.must("DELETE", path, nil, nil) }

// page is one page of a list of the console.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next_cursor"`
}

// list reads the first page of a list.
func list[T any](c *client, path string) []T {
	c.t.Helper()
	var p page[T]
	c.get(path, &p)
	return p.Items
}

// words collects what a process says.
type words struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (w *words) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// finish waits for the process to end by itself and returns its exit code.
func (p *process) finish(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		p.t.Fatalf("the process did not end within %s", within)
	}
	return p.cmd.ProcessState.ExitCode()
}
