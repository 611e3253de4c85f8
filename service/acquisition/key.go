package acquisition

import (
	"crypto/rand"
	"strings"
)

// stateAlphabet leaves out what people mistake for something else (i, l, o, u).
const stateAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const (
	statePrefix = "zy"
	stateRandom = 26 // characters of five bits: 130 bits nobody guesses
)

// newState makes the key by which the platform tells us through which code somebody came. It is
// 28 characters long; the platform takes 30 (platform documentation, 客户联系, 配置客户联系「联系我」方式).
func newState() string {
	b := make([]byte, stateRandom)
	rand.Read(b) // never fails
	for i := range b {
		b[i] = stateAlphabet[b[i]%byte(len(stateAlphabet))]
	}
	return statePrefix + string(b)
}

// isState tells whether a key has the shape of ours.
func isState(s string) bool {
	random, found := strings.CutPrefix(s, statePrefix)
	return found && len(random) == stateRandom && strings.Trim(random, stateAlphabet) == ""
}
