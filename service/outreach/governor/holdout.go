package governor

import (
	"hash/fnv"
	"slices"
	"strconv"

	"gorm.io/gorm"
)

// wholeShare is everybody, in basis points.
const wholeShare = 10_000

// Bucket places a customer for good: a number from 0 to 9,999 that depends on nothing but a name and the customer, and evenly
// so. Who is below a share belongs to it; a larger share keeps everybody.
func Bucket(name string, customerID int64) int {
	h := fnv.New64a()
	h.Write([]byte(name))
	h.Write([]byte{0})
	h.Write(strconv.AppendInt(nil, customerID, 10))
	x := h.Sum64()
	// FNV leaves what differs in the last digits close together: stir.
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return int(x % wholeShare)
}

// SourceBucket is the Bucket by which a source holds customers out.
func SourceBucket(source string, sourceID, customerID int64) int {
	return Bucket("source/"+source+"/"+strconv.FormatInt(sourceID, 10), customerID)
}

// HoldOutTx sets the share of customers, in basis points, whom a source never writes to: their messages are refused with
// ReasonHoldout. Repeatable; 0 ends it.
func (g *Governor) HoldOutTx(tx *gorm.DB, source string, sourceID int64, share int) error {
	if share < 0 || share > wholeShare {
		return ErrSetting.With("holdout", "0 to 10000")
	}
	return putHoldout(tx, source, sourceID, share, g.now())
}

// inHoldout tells whether a customer is in the lasting group that hears nothing.
func (s *Setting) inHoldout(customerID int64) bool {
	return s.Holdout.Share > 0 && Bucket("holdout/"+strconv.Itoa(s.Holdout.Draw), customerID) < s.Holdout.Share
}

func (h *Holdout) exempts(source string) bool { return slices.Contains(h.Exempt, source) }
