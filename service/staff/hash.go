package staff

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// cost is what one password costs to check, for us and for somebody who guesses.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// argonCost is the cost of new passwords; stored ones carry their own. 64 MiB and three passes
// follow RFC 9106 (second recommendation) and take a core of today's servers about 0.2 s.
var argonCost = cost{memory: 64 << 10, passes: 3, threads: 2}

const (
	// hashSlots bounds how many passwords are computed at once in this process, and so the memory
	// that a storm of sign-ins can take: 2 × 64 MiB.
	hashSlots = 2
	// hashWait bounds how long a sign-in waits for its turn.
	hashWait = 5 * time.Second

	saltSize = 16
	hashSize = 32
)

// hasher computes argon2id under a bound.
type hasher struct {
	cost     cost
	slots    chan struct{}
	wait     time.Duration
	computed atomic.Int64 // so that a test can hold every path to the same work
	// decoy is what a login that doesn't exist is held against; no password matches it.
	decoy string
}

func newHasher(c cost) *hasher {
	h := &hasher{cost: c, slots: make(chan struct{}, hashSlots), wait: hashWait}
	h.decoy = phc(c, random(saltSize), random(hashSize))
	return h
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

// make gives the PHC text of a new password. It fails with ErrBusy.
func (h *hasher) make(ctx context.Context, password string) (string, error) {
	salt := random(saltSize)
	sum, err := h.compute(ctx, password, salt, h.cost)
	if err != nil {
		return "", err
	}
	return phc(h.cost, salt, sum), nil
}

// matches holds a password against a PHC text: always one computation. It fails with ErrBusy.
func (h *hasher) matches(ctx context.Context, password, stored string) (bool, error) {
	c, salt, want, err := parsePHC(stored)
	if err != nil {
		return false, err
	}
	got, err := h.compute(ctx, password, salt, c)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

func (h *hasher) compute(ctx context.Context, password string, salt []byte, c cost) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, h.wait, ErrBusy.After(h.wait))
	defer cancel()
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	h.computed.Add(1)
	sum := argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.threads, hashSize)
	// The collector paces itself by what it last found in use: without a look now, a sign-in would let
	// the whole process grow by twice its 64 MiB.
	runtime.GC()
	return sum, nil
}

var b64 = base64.RawStdEncoding

// phc writes the customary text form of an argon2id hash.
func phc(c cost, salt, sum []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.threads, b64.EncodeToString(salt), b64.EncodeToString(sum))
}

var errPHC = errors.New("the stored password hash can't be read")

// parsePHC reads the text form, and refuses costs that would take the server down.
func parsePHC(text string) (c cost, salt, sum []byte, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errPHC
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.threads); err != nil {
		return c, nil, nil, errPHC
	}
	salt, saltErr := b64.DecodeString(parts[4])
	sum, sumErr := b64.DecodeString(parts[5])
	if saltErr != nil || sumErr != nil || len(salt) < 8 || len(sum) != hashSize ||
		c.memory > 256<<10 || c.passes < 1 || c.passes > 10 || c.threads < 1 {
		return c, nil, nil, errPHC
	}
	return c, salt, sum, nil
}
