package segment

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
)

// A customer's place in a share is arithmetic that Go and every database do alike: whole numbers below 2⁶³.
// Raising to the fifth power permutes the numbers below the prime, so a part is as large as it says; two rounds with
// different offsets make the parts of two salts independent of one another.
const (
	sharePrime = 1<<31 - 1
	// ShareParts is how many parts everybody is cut into.
	ShareParts = 10000
)

func shareOffsets(salt string) (a, b int64) {
	h := sha256.Sum256([]byte("zhiyin/share/" + salt))
	return int64(binary.BigEndian.Uint64(h[0:8]) % sharePrime), int64(binary.BigEndian.Uint64(h[8:16]) % sharePrime)
}

func fifth(x int64) int64 {
	square := x * x % sharePrime
	return square * square % sharePrime * x % sharePrime
}

// ShareOf gives a customer's place among the parts: 0 to 9999, always the same for one salt.
func ShareOf(salt string, customerID int64) int64 {
	a, b := shareOffsets(salt)
	return fifth((fifth((customerID%sharePrime+a)%sharePrime)+b)%sharePrime) % ShareParts
}

// shareSQL is ShareOf as an expression over a column.
func shareSQL(salt, id string) Query {
	prime := strconv.Itoa(sharePrime)
	a, b := shareOffsets(salt)
	shift := func(q Query, by int64) Query {
		return Query{"((" + q.SQL + " + ?) % " + prime + ")", append(q.Args[:len(q.Args):len(q.Args)], by)}
	}
	power := func(q Query) Query {
		sql := strings.NewReplacer("x", q.SQL, "P", prime).Replace("((x * x % P) * (x * x % P) % P * x % P)")
		return Query{sql, slices.Concat(q.Args, q.Args, q.Args, q.Args, q.Args)}
	}
	q := power(shift(power(shift(Query{id + " % " + prime, nil}, a)), b))
	return Query{q.SQL + " % " + strconv.Itoa(ShareParts), q.Args}
}

// share asks whether a customer's place is at or after the first value and before the second.
func (c *compiler) share(l *leaf) Query {
	q := shareSQL(l.about, "customer.id")
	return Query{"(" + q.SQL + " BETWEEN ? AND ?)", append(q.Args, l.Values[0].Number, l.Values[1].Number-1)}
}
