package simulator

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kinds of faults. The first five have no effect on the world; the others strike
// after the effect, on the answer.
const (
	faultErrcode        = "errcode"     // answer Errcode
	faultHang           = "hang"        // never answer (MS > 0: cut after that long)
	faultHTTPStatus     = "http_status" // answer Status with a plain page
	faultDropBefore     = "drop_before" // cut the connection
	faultSilentDrop     = "silent_drop" // answer ok, do nothing
	faultLatency        = "latency"     // answer MS later
	faultHangAfter      = "hang_after"
	faultDropAfter      = "drop_after"
	faultHalfBody       = "half_body"
	faultMalformed      = "malformed"
	faultWrongTypes     = "wrong_types"     // numbers become strings, errcode too
	faultMissingErrcode = "missing_errcode" // an object without errcode
	faultHTML           = "html"            // 200 with a page
	faultHugeBody       = "huge_body"       // MB megabytes, default 100
	faultGzipBomb       = "gzip_bomb"       // the same, compressed
	faultSlowBody       = "slow_body"       // one byte each MS, default 1000
	faultRedirect       = "redirect"        // 302 to Location
)

var faultKinds = []string{
	faultErrcode, faultHang, faultHTTPStatus, faultDropBefore, faultSilentDrop, faultLatency, faultHangAfter, faultDropAfter,
	faultHalfBody, faultMalformed, faultWrongTypes, faultMissingErrcode, faultHTML, faultHugeBody, faultGzipBomb, faultSlowBody, faultRedirect,
}

// fault is one planned misbehaviour.
type fault struct {
	ID       int64  `json:"id"`
	API      string `json:"api"`             // pattern, * stands for anything
	Kind     string `json:"kind"`            // one of faultKinds
	Skip     int    `json:"skip,omitempty"`  // let so many calls pass first
	Times    int    `json:"times,omitempty"` // strike so often; 0 = until cleared
	Errcode  int    `json:"errcode,omitempty"`
	Status   int    `json:"status,omitempty"`
	MS       int    `json:"ms,omitempty"`
	MB       int    `json:"mb,omitempty"`
	Location string `json:"location,omitempty"`
	Struck   int    `json:"struck"`
}

type faults struct {
	list   []*fault
	serial int64
}

// take returns the first fault that strikes a call of this API.
func (fs *faults) take(api string) *fault {
	for _, f := range fs.list {
		if !match(f.API, api) || (f.Times > 0 && f.Struck >= f.Times) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		f.Struck++
		return f
	}
	return nil
}

func (f *fault) effect() bool {
	return !slices.Contains([]string{faultErrcode, faultHang, faultHTTPStatus, faultDropBefore, faultSilentDrop}, f.Kind)
}

func (s *Simulator) controlFaultAdd(c *controlCall) (any, error) {
	f := &fault{}
	if err := c.decode(f); err != nil {
		return nil, err
	}
	switch {
	case f.API == "":
		return nil, refuse("api is missing")
	case !slices.Contains(faultKinds, f.Kind):
		return nil, refuse("kind must be one of %s", strings.Join(faultKinds, ", "))
	case f.Kind == faultErrcode && f.Errcode == 0, f.Kind == faultHTTPStatus && f.Status < 100, f.Kind == faultLatency && f.MS == 0, f.Kind == faultRedirect && f.Location == "":
		return nil, refuse("kind %s needs errcode, status, ms or location", f.Kind)
	}
	s.faults.serial++
	f.ID, f.Struck = s.faults.serial, 0
	s.faults.list = append(s.faults.list, f)
	return f, nil
}

func (s *Simulator) controlFaultList(*controlCall) (any, error) {
	return reply{"faults": list(s.faults.list), "kinds": faultKinds}, nil
}

// controlFaultClear removes one fault (?id=) or all.
func (s *Simulator) controlFaultClear(c *controlCall) (any, error) {
	id, _ := strconv.ParseInt(c.r.URL.Query().Get("id"), 10, 64)
	before := len(s.faults.list)
	s.faults.list = slices.DeleteFunc(s.faults.list, func(f *fault) bool { return id == 0 || f.ID == id })
	return reply{"cleared": before - len(s.faults.list)}, nil
}

// before plays the faults that come instead of the effect. It reports whether the call goes on.
func (s *Simulator) before(rw http.ResponseWriter, c *call, g *gate) bool {
	f := g.fault
	if f == nil || !slices.Contains([]string{faultHang, faultHTTPStatus, faultDropBefore}, f.Kind) {
		return true
	}
	s.mu.Lock()
	s.note(c, g, nil, time.Now())
	s.mu.Unlock()
	switch f.Kind {
	case faultHang:
		s.hang(c.r, f)
	case faultHTTPStatus:
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(f.Status)
		fmt.Fprintf(rw, "<html><body><h1>%d %s</h1></body></html>", f.Status, http.StatusText(f.Status))
	case faultDropBefore:
		panic(http.ErrAbortHandler)
	}
	return false
}

// hang holds the connection until the caller gives up, then cuts it.
func (s *Simulator) hang(r *http.Request, f *fault) {
	wait := 24 * time.Hour
	if f.MS > 0 {
		wait = time.Duration(f.MS) * time.Millisecond
	}
	s.sleep(r, wait)
	panic(http.ErrAbortHandler)
}

// after sends the answer, or what the fault makes of it.
func (s *Simulator) after(rw http.ResponseWriter, c *call, f *fault, out answer) {
	if f == nil || !f.effect() {
		send(rw, c.r, out)
		return
	}
	body := out.json
	if out.file != nil {
		body = out.file.Data
	}
	switch f.Kind {
	case faultLatency:
		if s.sleep(c.r, time.Duration(f.MS)*time.Millisecond) {
			send(rw, c.r, out)
		}
	case faultHangAfter:
		s.hang(c.r, f)
	case faultDropAfter:
		panic(http.ErrAbortHandler)
	case faultHalfBody:
		rw.Header().Set("Content-Type", "application/json; charset=UTF-8")
		rw.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = rw.Write(body[:len(body)/2])
		_ = http.NewResponseController(rw).Flush()
		panic(http.ErrAbortHandler)
	case faultMalformed:
		writeJSON(rw, http.StatusOK, bytes.TrimRight(body, "}"))
	case faultWrongTypes:
		writeJSON(rw, http.StatusOK, wrongTypes(body))
	case faultMissingErrcode:
		writeJSON(rw, http.StatusOK, []byte(`{"message":"ok"}`))
	case faultHTML:
		rw.Header().Set("Content-Type", "text/html; charset=UTF-8")
		_, _ = rw.Write([]byte("<!DOCTYPE html><html><body>502 upstream</body></html>"))
	case faultHugeBody:
		hugeBody(rw, f.MB)
	case faultGzipBomb:
		rw.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(rw)
		hugeBody(zipped{rw, z}, f.MB)
		_ = z.Close()
	case faultSlowBody:
		s.slowBody(rw, c.r, body, f.MS)
	case faultRedirect:
		http.Redirect(rw, c.r, f.Location, http.StatusFound)
	}
}

func send(rw http.ResponseWriter, r *http.Request, out answer) {
	if out.file == nil {
		writeJSON(rw, http.StatusOK, out.json)
		return
	}
	rw.Header().Set("Content-Type", out.file.Type)
	rw.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", out.file.Name))
	http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(out.file.Data)) // understands Range
}

type zipped struct {
	http.ResponseWriter
	z *gzip.Writer
}

func (z zipped) Write(b []byte) (int, error) { return z.z.Write(b) }

func hugeBody(rw http.ResponseWriter, mb int) {
	if mb == 0 {
		mb = 100
	}
	rw.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_, _ = rw.Write([]byte(`{"errcode":0,"errmsg":"`))
	block := bytes.Repeat([]byte("a"), 1<<20)
	for range mb {
		if _, err := rw.Write(block); err != nil {
			return
		}
	}
	_, _ = rw.Write([]byte(`"}`))
}

func (s *Simulator) slowBody(rw http.ResponseWriter, r *http.Request, body []byte, ms int) {
	if ms == 0 {
		ms = 1000
	}
	rw.Header().Set("Content-Type", "application/json; charset=UTF-8")
	for i := range body {
		if _, err := rw.Write(body[i : i+1]); err != nil {
			return
		}
		_ = http.NewResponseController(rw).Flush()
		if !s.sleep(r, time.Duration(ms)*time.Millisecond) {
			return
		}
	}
}

// wrongTypes makes strings of numbers, numbers of strings and objects of lists, one level deep.
func wrongTypes(body []byte) []byte {
	var m map[string]any
	if json.Unmarshal(body, &m) != nil {
		return []byte(`"ok"`)
	}
	for k, v := range m {
		switch v := v.(type) {
		case float64:
			m[k] = strconv.FormatFloat(v, 'f', -1, 64)
		case string:
			m[k] = len(v)
		case []any:
			m[k] = map[string]any{"item": v}
		default:
			m[k] = "wrong"
		}
	}
	return encodeJSON(m)
}
