package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"time"

	"zhiyin/wecom"
)

// loadJob is what the load generator is told.
type loadJob struct {
	Address, Path           string
	Connections             int
	Duration                time.Duration
	Token, AESKey, Receiver string
}

// loadResult is what it answers.
type loadResult struct {
	Done, Failed int
	Took         time.Duration
	P50, P99     time.Duration
}

// load runs the generator in a process of its own. start is called when all is ready, just before the
// first request.
func (o CallbackOptions) load(ctx context.Context, job loadJob, start func()) (r loadResult, err error) {
	cmd := exec.CommandContext(ctx, o.Loader[0], o.Loader[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return r, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return r, err
	}
	if err := cmd.Start(); err != nil {
		return r, fmt.Errorf("start the load generator: %w", err)
	}
	defer func() { err = errors.Join(err, cmd.Wait()) }()
	defer in.Close()
	answers := bufio.NewReader(out)
	if err := json.NewEncoder(in).Encode(job); err != nil {
		return r, err
	}
	if _, err := answers.ReadString('\n'); err != nil {
		return r, fmt.Errorf("the load generator did not get ready: %w", err)
	}
	start()
	if _, err := io.WriteString(in, "go\n"); err != nil {
		return r, err
	}
	return r, json.NewDecoder(answers).Decode(&r)
}

// Load is the load generator: it reads a job from in, gets ready, says so on out, waits for a line, sends
// and answers with what it measured. The command "bench load" calls it.
func Load(_ context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	text, err := lines.ReadBytes('\n')
	if err != nil {
		return err
	}
	var job loadJob
	if err := json.Unmarshal(text, &job); err != nil {
		return err
	}
	senders, err := job.prepare()
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	if _, err := lines.ReadString('\n'); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(job.send(senders))
}

// sender is one connection with the requests it will send, each a message of its own.
type sender struct {
	conn     net.Conn
	requests [][]byte
	took     []time.Duration
	failed   int
}

// mostPerSecond bounds what is made ready; more no two cores answer.
const mostPerSecond = 16_000

func (j loadJob) prepare() ([]*sender, error) {
	key, err := wecom.NewCrypto(j.Token, j.AESKey, j.Receiver)
	if err != nil {
		return nil, err
	}
	each := int(mostPerSecond*j.Duration.Seconds())/j.Connections + 1
	senders := make([]*sender, j.Connections)
	var wg sync.WaitGroup
	errs := make([]error, j.Connections)
	for i := range senders {
		wg.Go(func() {
			s := &sender{took: make([]time.Duration, 0, each)}
			for n := range each {
				s.requests = append(s.requests, j.request(key, i, n))
			}
			s.conn, errs[i] = net.Dial("tcp", j.Address)
			senders[i] = s
		})
	}
	wg.Wait()
	return senders, errors.Join(errs...)
}

// request is one push, ready for the wire.
func (j loadJob) request(key *wecom.Crypto, sender, n int) []byte {
	ts, nonce := strconv.FormatInt(time.Now().Unix(), 10), fmt.Sprintf("%d-%d", sender, n)
	sealed := key.Encrypt([]byte(messageOf(sender, n)))
	body := "<xml><ToUserName><![CDATA[" + j.Receiver + "]]></ToUserName><AgentID><![CDATA[1000002]]></AgentID><Encrypt><![CDATA[" + sealed + "]]></Encrypt></xml>"
	return fmt.Appendf(nil, "POST %s?msg_signature=%s&timestamp=%s&nonce=%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/4.0\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s",
		j.Path, key.Sign(ts, nonce, sealed), ts, nonce, j.Address, len(body), body)
}

// messageOf is a push as the platform words it, of about 490 bytes, unlike any other.
func messageOf(sender, n int) string {
	return fmt.Sprintf("<xml><ToUserName><![CDATA[wwbench00000000001]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName><CreateTime>%d</CreateTime>"+
		"<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[change_external_contact]]></Event><ChangeType><![CDATA[add_external_contact]]></ChangeType>"+
		"<UserID><![CDATA[zhangsan%03d]]></UserID><ExternalUserID><![CDATA[wmbench%012d%013d]]></ExternalUserID><State><![CDATA[k7q2x9]]></State>"+
		"<WelcomeCode><![CDATA[%043d]]></WelcomeCode></xml>", 1795320000+n%60, sender, sender, n, n)
}

func (j loadJob) send(senders []*sender) loadResult {
	began := time.Now()
	deadline := began.Add(j.Duration)
	var wg sync.WaitGroup
	for _, s := range senders {
		wg.Go(func() { s.run(deadline) })
	}
	wg.Wait()
	r := loadResult{Took: time.Since(began)}
	var all []time.Duration
	for _, s := range senders {
		s.conn.Close()
		all = append(all, s.took...)
		r.Failed += s.failed
	}
	r.Done = len(all)
	if r.Done > 0 {
		slices.Sort(all)
		r.P50, r.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	return r
}

// run sends one request after another until the time is up.
func (s *sender) run(deadline time.Time) {
	answers := bufio.NewReader(s.conn)
	for _, request := range s.requests {
		began := time.Now()
		if began.After(deadline) {
			return
		}
		if _, err := s.conn.Write(request); err != nil {
			s.failed++
			return
		}
		ok, err := readAnswer(answers)
		if err != nil || !ok {
			s.failed++
			if err != nil {
				return
			}
			continue
		}
		s.took = append(s.took, time.Since(began))
	}
}

// readAnswer reads one HTTP answer and tells whether it is a 200.
func readAnswer(r *bufio.Reader) (ok bool, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return false, err
	}
	ok = bytes.HasPrefix(line, []byte("HTTP/1.1 200 "))
	length := 0
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return false, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return false, err
			}
		}
	}
	_, err = r.Discard(length)
	return ok, err
}
