package coupon

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"unicode"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// Key is what a caller names a request by: repeated under the same key, the same request is answered as
// before. Whose says whose keys they are, so that nobody meets those of others.
type Key struct {
	Whose string // customer:7, staff:3, key:12, journey…
	Name  string // 8 to 64 visible characters
}

// wellFormed fails with ErrKey.
func (k Key) wellFormed() error {
	if len(k.Name) < 8 || len(k.Name) > 64 || k.Whose == "" {
		return ErrKey
	}
	for _, r := range k.Name {
		if r > unicode.MaxASCII || !unicode.IsGraphic(r) || r == ' ' {
			return ErrKey
		}
	}
	return nil
}

const hashSize = 16

type hash [hashSize]byte

func hashOf(parts ...string) hash {
	text := make([]byte, 0, 512)
	for _, p := range parts {
		text = append(append(text, p...), 0)
	}
	sum := sha256.Sum256(text)
	return hash(sum[:hashSize])
}

func (k Key) hash() hash { return hashOf("request", k.Whose, k.Name) }

// bodyOf is a hash of what is asked: of two requests under one key it tells whether they are the same.
func bodyOf(verb string, asked any) hash { return hashOf(verb, asJSON(asked)) }

// answer is what a request came to: the row, and of a refund how much of it.
type answer struct {
	ID  int64     `json:"id"`
	Fen model.Fen `json:"fen,omitempty"`
}

// text is the answer as JSON; the usual ones are put together by hand.
func (a answer) text() string {
	if a.Fen != 0 {
		return asJSON(a)
	}
	return `{"id":` + strconv.FormatInt(a.ID, 10) + "}"
}

// known finds what was answered under keys.
type known map[hash]*model.CouponRequest

// before gives what was answered under a key, or nil, or ErrOther when something else was asked.
func (k known) before(key hash, body func() hash) (*answer, error) {
	row := k[key]
	if row == nil {
		return nil, nil
	}
	if hash(row.Body) != body() {
		return nil, ErrOther
	}
	var a answer
	return &a, json.Unmarshal([]byte(row.Answer), &a)
}

// onceInTx runs do in a transaction under a key: see onceTx. A refusal counts only if the request was not answered meanwhile. It may be
// under way on another replica, or still in the database for a process that was killed: then who waits for its locks
// finds its work done, and would take that for a reason to refuse.
func (s *Service) onceInTx(ctx context.Context, key Key, body hash, do func(tx *gorm.DB) (answer, error)) (a answer, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) (err error) {
		a, err = s.onceTx(tx, key, body, func() (answer, error) { return do(tx) })
		return err
	})
	if fault.Of(err) == nil || errors.Is(err, ErrKey) || errors.Is(err, ErrOther) {
		return a, err
	}
	rows, findErr := requestsOf(s.DB.WithContext(ctx), []hash{key.hash()})
	if findErr != nil {
		return a, findErr
	}
	if earlier, otherErr := rows.before(key.hash(), func() hash { return body }); earlier != nil || otherErr != nil {
		if otherErr != nil {
			return a, otherErr
		}
		return *earlier, nil
	}
	return a, err
}

// onceTx runs do unless its request was answered before; then it gives what was answered. Of two that
// run at once the database lets one through.
func (s *Service) onceTx(tx *gorm.DB, key Key, body hash, do func() (answer, error)) (answer, error) {
	if err := key.wellFormed(); err != nil {
		return answer{}, err
	}
	k := key.hash()
	rows, err := requestsOf(tx, []hash{k})
	if err != nil {
		return answer{}, err
	}
	if a, err := rows.before(k, func() hash { return body }); a != nil || err != nil {
		if err != nil {
			return answer{}, err
		}
		return *a, nil
	}
	a, err := do()
	if err != nil {
		return answer{}, err
	}
	return a, insertRequests(tx, []*model.CouponRequest{{RequestKey: k[:], Body: body[:], Answer: a.text(), CreatedAt: s.Now()}})
}

// flight holds the keys of requests that this process is dealing with.
type flight struct {
	mu   sync.Mutex
	keys map[hash]bool
}

// take fails with ErrInFlight while the same key is being dealt with. Other replicas are told apart by
// the key's row: there the second waits for the first, and is answered as it was.
func (f *flight) take(key Key) (release func(), err error) {
	if err := key.wellFormed(); err != nil {
		return nil, err
	}
	k := key.hash()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keys[k] {
		return nil, ErrInFlight
	}
	if f.keys == nil {
		f.keys = map[hash]bool{}
	}
	f.keys[k] = true
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.keys, k)
	}, nil
}
