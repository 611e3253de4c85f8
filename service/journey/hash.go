package journey

import (
	"crypto/sha256"
	"encoding/binary"
)

// stablePoint is where a customer stands between 0 and 9999 in a lot drawn for a step of a journey: always the same, and
// independent of every other lot.
func stablePoint(journey int64, lot string, customer int64) int64 {
	b := make([]byte, 0, 64)
	b = binary.BigEndian.AppendUint64(b, uint64(journey))
	b = binary.BigEndian.AppendUint64(b, uint64(customer))
	sum := sha256.Sum256(append(b, lot...))
	return int64(binary.BigEndian.Uint64(sum[:8]) % 10_000)
}

// lotHoldout is the lot of the hold-out. No node can have the name.
const lotHoldout = "-holdout"

// heldOut tells whether a customer goes through nothing.
func heldOut(journey, points, customer int64) bool {
	return points > 0 && stablePoint(journey, lotHoldout, customer) < points
}
