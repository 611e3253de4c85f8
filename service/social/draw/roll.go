package draw

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"zhiyin/model"
)

// roll is the number of a try, 0 to 999,999: the first eight bytes of HMAC-SHA-256(seed, "commitment/number/nonce/again") as a
// whole number, modulo a million, with the commitment in hexadecimal and again 0. A number that would favour the small rolls is
// left out, and again rises by one. The nonce is the customer's, so whoever knows the seed can't choose who wins either.
func roll(seed, commitment []byte, number int64, nonce string) int {
	const bound = (1<<64 - 1) / million * million
	for again := 0; ; again++ {
		mac := hmac.New(sha256.New, seed)
		fmt.Fprintf(mac, "%x/%d/%s/%d", commitment, number, nonce, again)
		if n := binary.BigEndian.Uint64(mac.Sum(nil)); n < bound {
			return int(n % million)
		}
	}
}

// placeOf finds the prize whose odds hold a roll; -1: none does.
func placeOf(prizes []model.DrawPrize, roll int) int {
	end := 0
	for i, p := range prizes {
		if end += p.Odds; roll < end {
			return i
		}
	}
	return -1
}

// Fair works out all tries anew, in the order of their numbers, from the seed of a draw that has ended: it gives the number of
// the first that is not what it must be; 0: all are.
func Fair(d *Draw, tries []model.DrawTry) (wrong int64) {
	sum := sha256.Sum256(d.Seed)
	if !hmac.Equal(sum[:], d.Commitment) {
		return 1
	}
	left := make([]int64, len(d.Prizes))
	for i, p := range d.Prizes {
		left[i] = p.Stock
	}
	for i, t := range tries {
		want := roll(d.Seed, d.Commitment, t.Number, t.Nonce)
		place := placeOf(d.Prizes, want)
		won := place >= 0 && (d.Prizes[place].Stock == 0 || left[place] > 0)
		if t.Number != int64(i+1) || t.Roll != want || t.Place != place || t.Won != won {
			return int64(i + 1)
		}
		if won {
			left[place]--
		}
	}
	return 0
}
