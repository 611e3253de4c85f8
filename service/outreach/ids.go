package outreach

import (
	"encoding/binary"
	"errors"
	"slices"
)

// packIDs writes ids, which it sorts, in a byte or two each.
func packIDs(ids []int64) []byte {
	slices.Sort(ids)
	b := make([]byte, 0, 2*len(ids)+8)
	var last int64
	for _, id := range ids {
		b = binary.AppendUvarint(b, uint64(id-last))
		last = id
	}
	return b
}

var errPacked = errors.New("packed ids are cut off")

func unpackIDs(b []byte) (ids []int64, err error) {
	var last int64
	for len(b) > 0 {
		d, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errPacked
		}
		last += int64(d)
		ids, b = append(ids, last), b[n:]
	}
	return ids, nil
}
