package channel

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// target is one recipient of a mass message and what became of it.
type target struct {
	delivery int64
	external string // external user id or chat id; forgotten when the task is over
	fate     massFate
}

// massFate is how far a recipient has come. Bytes are stored.
type massFate byte

const (
	massOpen    massFate = '0' // the sender has not confirmed
	massSent    massFate = '1'
	massLost    massFate = '2' // no friend any more
	massSpent   massFate = '3' // no quota left
	massMissed  massFate = 'x' // on the platform's fail list
	massGivenUp massFate = '-' // never sent: not confirmed in time, or taken off the list
)

// packTargets writes a line for each: fate, delivery, recipient.
func packTargets(list []target) []byte {
	var b bytes.Buffer
	for _, t := range list {
		fmt.Fprintf(&b, "%c%d %s\n", t.fate, t.delivery, t.external)
	}
	return b.Bytes()
}

func unpackTargets(packed []byte) (list []target, err error) {
	for line := range bytes.Lines(packed) {
		id, external, ok := bytes.Cut(bytes.TrimSuffix(line[1:], []byte("\n")), []byte(" "))
		n, err := strconv.ParseInt(string(id), 10, 64)
		if !ok || err != nil {
			return nil, fmt.Errorf("the recipients of a task can't be read")
		}
		list = append(list, target{n, string(external), massFate(line[0])})
	}
	return list, nil
}

// textMark is what a text is found again by at the platform.
func textMark(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "text:" + hex.EncodeToString(sum[:])
}
