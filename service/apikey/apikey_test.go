package apikey

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/vault"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

type rig struct {
	*Service
	t     *testing.T
	db    *gorm.DB
	clock *clock.Fake
}

func newRig(t *testing.T) *rig { return replica(t, modeltest.DSN(t), clock.NewFake(noon), nil) }

// replica is one process of several on the same database.
func replica(t *testing.T, dsn string, c *clock.Fake, r redis.UniversalClient) *rig {
	t.Helper()
	v, err := vault.New(bytes.Repeat([]byte("v"), 32))
	if err != nil {
		t.Fatal(err)
	}
	db := modeltest.Open(t, dsn)
	return &rig{New(db, c.Now, v, r, "test:"), t, db, c}
}

func (r *rig) key(in Input) (*Key, string) {
	r.t.Helper()
	if in.Name == nil {
		name := "shop"
		in.Name = &name
	}
	k, secret, err := r.Create(r.t.Context(), 1, in)
	if err != nil {
		r.t.Fatal(err)
	}
	return k, secret
}

// signed is a request that the key's owner would send now.
func (r *rig) signed(k *Key, secret string) Request {
	q := Request{Method: "POST", Path: "/open/v1/orders", Query: "a=1", Body: []byte("{}"), Key: k.KeyID, Time: fmt.Sprint(r.clock.Now().Unix()), Nonce: rand.Text(), IP: "203.0.113.9"}
	q.Signature = q.Sign(secret)
	return q
}

func (r *rig) want(what string, q Request, want error) *Caller {
	r.t.Helper()
	c, err := r.Admit(r.t.Context(), q)
	if !errors.Is(err, want) {
		r.t.Errorf("%s: got %v, want %v", what, err, want)
	}
	return c
}

func TestASignedRequestIsItsOwners(t *testing.T) {
	r := newRig(t)
	k, secret := r.key(Input{Permissions: []string{MayWriteOrders}})
	c := r.want("as it should be", r.signed(k, secret), nil)
	if c == nil || c.KeyID != k.ID || !c.May(MayWriteOrders) || c.May(MayReadOrders) {
		t.Errorf("caller %+v", c)
	}
	keys, err := r.List(t.Context())
	if err != nil || len(keys) != 1 || keys[0].LastUsedAt == nil {
		t.Errorf("keys %+v, %v", keys, err)
	}
}

// TestEveryPartIsSigned turns each part of a request into another in turn.
func TestEveryPartIsSigned(t *testing.T) {
	r := newRig(t)
	k, secret := r.key(Input{})
	other, _ := r.key(Input{})
	for name, forge := range map[string]func(*Request){
		"method":               func(q *Request) { q.Method = "PUT" },
		"path":                 func(q *Request) { q.Path += "/" },
		"escaping of the path": func(q *Request) { q.Path = "/open/v1/%6frders" },
		"query":                func(q *Request) { q.Query = "a=2" },
		"no query":             func(q *Request) { q.Query = "" },
		"body":                 func(q *Request) { q.Body = []byte("{ }") },
		"time":                 func(q *Request) { q.Time += "0" },
		"nonce":                func(q *Request) { q.Nonce = rand.Text() },
		"key":                  func(q *Request) { q.Key = other.KeyID },
		"an unknown key":       func(q *Request) { q.Key = "zk_nobody" },
		"no key":               func(q *Request) { q.Key = "" },
		"signature":            func(q *Request) { q.Signature = strings.Repeat("0", 64) },
		"a short signature":    func(q *Request) { q.Signature = q.Signature[:62] },
		"no signature":         func(q *Request) { q.Signature = "" },
		"no hex":               func(q *Request) { q.Signature = strings.Repeat("z", 64) },
		"a short nonce":        func(q *Request) { q.Nonce = "1234567"; q.Signature = q.Sign(secret) },
		"a line in the nonce":  func(q *Request) { q.Nonce = "12345678\n"; q.Signature = q.Sign(secret) },
		"lines that move":      func(q *Request) { q.Path, q.Query = q.Path+"\n"+q.Query, "" },
	} {
		q := r.signed(k, secret)
		forge(&q)
		r.want(name, q, ErrNotSigned)
	}
	if n := modeltest.Count[model.APINonce](t, r.db); n != 0 {
		t.Errorf("strangers left %d rows", n)
	}
}

func TestARequestIsReceivedOnce(t *testing.T) {
	dsn, c := modeltest.DSN(t), clock.NewFake(noon)
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { client.Close() })
	replicas := []*rig{replica(t, dsn, c, client), replica(t, dsn, c, client)}
	k, secret := replicas[0].key(Input{})
	q := replicas[0].signed(k, secret)
	var admitted, repeated atomic.Int64
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if i == 20 {
				server.FlushAll()
			}
			switch _, err := replicas[i%2].Admit(context.Background(), q); {
			case err == nil:
				admitted.Add(1)
			case errors.Is(err, ErrRepeated):
				repeated.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if admitted.Load() != 1 || repeated.Load() != 39 {
		t.Errorf("%d admitted, %d repeated", admitted.Load(), repeated.Load())
	}
	server.FlushAll()
	replicas[1].want("after Redis was wiped", q, ErrRepeated)
	another, otherSecret := replicas[0].key(Input{})
	c.Advance(freshFor) // a new key is known everywhere soon, not at once
	q2 := replicas[0].signed(another, otherSecret)
	q2.Nonce = q.Nonce
	q2.Signature = q2.Sign(otherSecret)
	replicas[1].want("another's request of the same name", q2, nil)
}

// TestTheWindow holds that a nonce is remembered for as long as its request could be repeated.
func TestTheWindow(t *testing.T) {
	r := newRig(t)
	k, secret := r.key(Input{})
	at := func(d time.Duration) Request {
		q := r.signed(k, secret)
		q.Time = fmt.Sprint(r.clock.Now().Add(d).Unix())
		q.Signature = q.Sign(secret)
		return q
	}
	r.want("5 minutes old", at(-Window), nil)
	r.want("5 minutes ahead", at(Window), nil)
	r.want("older", at(-Window-time.Second), ErrTooOld)
	r.want("further ahead", at(Window+time.Second), ErrTooOld)
	bad := at(0)
	bad.Time = "now"
	bad.Signature = bad.Sign(secret)
	r.want("no number", bad, ErrTooOld)

	q := at(Window)
	r.want("first", q, nil)
	for range 11 {
		r.clock.Advance(time.Minute)
		if err := r.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Admit(t.Context(), q); err == nil {
			t.Fatalf("repeated at %s", r.clock.Now())
		}
	}
	r.clock.Advance(time.Hour)
	if err := r.Prune(t.Context()); err != nil || modeltest.Count[model.APINonce](t, r.db) != 0 {
		t.Errorf("old nonces stay: %v", err)
	}
}

func TestTwoSecretsDuringARotation(t *testing.T) {
	r := newRig(t)
	k, first := r.key(Input{})
	_, second, err := r.Rotate(t.Context(), k.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	r.want("the new one", r.signed(k, second), nil)
	r.want("the old one, for a while", r.signed(k, first), nil)
	r.clock.Advance(time.Hour)
	r.want("the old one, later", r.signed(k, first), ErrNotSigned)
	r.want("the new one, later", r.signed(k, second), nil)
	_, third, err := r.Rotate(t.Context(), k.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.want("before the last, at once", r.signed(k, second), ErrNotSigned)
	r.want("the last", r.signed(k, third), nil)
	if _, _, err := r.Rotate(t.Context(), k.ID, maxOverlap+1); !errors.Is(err, ErrInvalid) {
		t.Errorf("an endless old secret: %v", err)
	}
}

func TestARevokedKeyIsRefusedEverywhere(t *testing.T) {
	dsn, c := modeltest.DSN(t), clock.NewFake(noon)
	here, there := replica(t, dsn, c, nil), replica(t, dsn, c, nil)
	k, secret := here.key(Input{})
	here.want("here", here.signed(k, secret), nil)
	there.want("there", there.signed(k, secret), nil)
	for range 2 {
		if err := here.Revoke(t.Context(), k.ID); err != nil {
			t.Fatal(err)
		}
	}
	here.want("here, at once", here.signed(k, secret), ErrNotSigned)
	c.Advance(5 * time.Second)
	there.want("there, 5 s later", there.signed(k, secret), ErrNotSigned)
	if _, err := here.Update(t.Context(), k.ID, Input{}); !errors.Is(err, ErrRevoked) {
		t.Errorf("a revoked key is changed: %v", err)
	}
	if _, _, err := here.Rotate(t.Context(), k.ID, 0); !errors.Is(err, ErrRevoked) {
		t.Errorf("a revoked key gets a secret: %v", err)
	}
	if err := here.Revoke(t.Context(), 1<<40); !errors.Is(err, ErrNotFound) {
		t.Errorf("an absent key: %v", err)
	}
}

func TestOnlyFromItsNetworks(t *testing.T) {
	r := newRig(t)
	k, secret := r.key(Input{Networks: []string{"203.0.113.0/24", "2001:db8::1", "198.51.100.7"}})
	for ip, want := range map[string]error{
		"203.0.113.200": nil, "::ffff:203.0.113.4": nil, "2001:db8::1": nil, "198.51.100.7": nil,
		"203.0.114.1": ErrAddress, "2001:db8::2": ErrAddress, "198.51.100.8": ErrAddress, "": ErrAddress, "nonsense": ErrAddress,
	} {
		q := r.signed(k, secret)
		q.IP = ip
		r.want(ip, q, want)
	}
	if _, err := r.Update(t.Context(), k.ID, Input{Networks: []string{}}); err != nil {
		t.Fatal(err)
	}
	q := r.signed(k, secret)
	q.IP = "192.0.2.1"
	r.want("from anywhere", q, nil)
}

func TestRequestsAreRationed(t *testing.T) {
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	t.Cleanup(func() { client.Close() })
	dsn, c := modeltest.DSN(t), clock.NewFake(noon)
	replicas := []*rig{replica(t, dsn, c, client), replica(t, dsn, c, client)}
	three := 3
	k, secret := replicas[0].key(Input{PerMinute: &three})
	for i := range 5 {
		want := error(nil)
		if i >= three {
			want = ErrTooMany
		}
		replicas[i%2].want(fmt.Sprint("request ", i), replicas[0].signed(k, secret), want)
	}
	c.Advance(time.Minute)
	replicas[0].want("the next minute", replicas[0].signed(k, secret), nil)
	server.Close()
	c.Advance(time.Minute)
	for i := range 5 {
		want := error(nil)
		if i >= three {
			want = ErrTooMany
		}
		replicas[0].want(fmt.Sprint("without Redis ", i), replicas[0].signed(k, secret), want)
	}
}

// TestV24_SecretsAreSealedAndNeverShown looks for a secret in all that is stored and listed.
func TestV24_SecretsAreSealedAndNeverShown(t *testing.T) {
	r := newRig(t)
	k, first := r.key(Input{})
	_, second, err := r.Rotate(t.Context(), k.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var rows []model.APIKey
	if err := r.db.Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	list, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprintf("%q %+v %+v", rows[0].SealedSecret, rows, list)
	for _, secret := range []string{first, second} {
		if len(secret) < 50 || strings.Contains(all, secret) || strings.Contains(all, secret[3:20]) {
			t.Errorf("a secret of %d characters is at hand", len(secret))
		}
	}
	if err := r.db.Exec("UPDATE api_key SET sealed_old_secret = sealed_secret").Error; err != nil {
		t.Fatal(err)
	}
	r.book.forget()
	if _, err := r.Admit(t.Context(), r.signed(k, second)); err == nil || errors.Is(err, ErrNotSigned) {
		t.Errorf("a secret that was moved to another column: %v", err)
	}
}

func TestWhatAKeyMayNotBe(t *testing.T) {
	r := newRig(t)
	k, _ := r.key(Input{})
	many := slices.Repeat([]string{"10.0.0.0/8"}, maxNetworks+1)
	for name, in := range map[string]Input{
		"no name":          {Name: new(string)},
		"a long name":      {Name: ptr(strings.Repeat("名", 65))},
		"a made-up right":  {Permissions: []string{"admin"}},
		"no address":       {Networks: []string{"here"}},
		"a zone":           {Networks: []string{"fe80::1%eth0"}},
		"too many":         {Networks: many},
		"no request":       {PerMinute: ptr(0)},
		"no limit at all":  {PerMinute: ptr(maxPerMinute + 1)},
		"a range too wide": {Networks: []string{"10.0.0.0/33"}},
	} {
		if _, err := r.Update(t.Context(), k.ID, in); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := r.Create(t.Context(), 1, Input{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a key without a name: %v", err)
	}
	if _, err := r.Update(t.Context(), 1<<40, Input{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("an absent key: %v", err)
	}
}

func ptr[T any](v T) *T { return &v }
