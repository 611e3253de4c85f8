package coupon

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"zhiyin/model"
)

// letters are the characters of codes: none that looks like another. Their number is a prime, so that one
// wrong character, or two that changed places, never fit the check character.
const letters = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

const (
	codeRandom = 17             // characters: 84 bits
	codeLength = codeRandom + 1 // and one to check the others by
)

// codeText is code number n of a secret: nobody who does not know the secret can tell it from a random one.
func codeText(secret []byte, n int64) string {
	mac := hmac.New(sha256.New, secret)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	mac.Write(b[:])
	sum := mac.Sum(nil)
	// 128 bits, written to the base 31: what is cut off leaves 84 bits, all but equally likely.
	hi, lo := binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])
	text := make([]byte, 0, codeLength)
	for range codeRandom {
		var rest uint64
		hi, lo, rest = divide(hi, lo, uint64(len(letters)))
		text = append(text, letters[rest])
	}
	return string(append(text, checkLetter(string(text))))
}

// checkLetter is the last character of a code that begins so.
func checkLetter(text string) byte {
	sum := 0
	for i := range len(text) {
		sum += (i + 2) * strings.IndexByte(letters, text[i])
	}
	return letters[sum%len(letters)]
}

// normalCode is a code as it is compared: without what people put between its characters.
func normalCode(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r == '-' || r == ' ' || r == '\u3000' || r == '\t':
			return -1
		}
		return r
	}, text)
}

// shownCode is a code as people read it.
func shownCode(prefix, text string) string {
	var b strings.Builder
	b.WriteString(prefix)
	for i := 0; i < len(text); i += 6 {
		if b.Len() > 0 {
			b.WriteByte('-')
		}
		b.WriteString(text[i:min(i+6, len(text))])
	}
	return b.String()
}

// codeHash is what is kept of a code: keyed, so that nobody finds codes from what is kept.
func (s *Service) codeHash(normal string) []byte {
	mac := hmac.New(sha256.New, s.Key)
	mac.Write([]byte("coupon code\x00"))
	mac.Write([]byte(normal))
	return mac.Sum(nil)[:hashSize]
}

// TakeCode makes a code into a coupon of the customer. Whatever is wrong with the code, the answer is ErrCode,
// and after 10 of them within 10 minutes ErrGuesses: for the customer, and for the device and address that
// they come from. Otherwise it fails as Issue does.
func (s *Service) TakeCode(ctx context.Context, in IssueInput) (*model.Coupon, error) {
	in.Source, in.BatchID = SourceCode, 0
	who := guessers(in.CustomerID, in.Device, in.Address, s.Key)
	if err := s.guessable(ctx, who); err != nil {
		return nil, err
	}
	c, err := s.Issue(ctx, in)
	if isCode(err) {
		if noted := s.noteGuess(ctx, who); noted != nil {
			return nil, noted
		}
	}
	return c, err
}

// codes finds what the codes among the requests stand for, and locks those rows.
func (g *issuing) codes() error {
	wanted := map[string][]*asking{}
	for _, a := range g.open {
		if a.in.Source == SourceCode {
			h := string(g.s.codeHash(normalCode(a.in.Code)))
			wanted[h] = append(wanted[h], a)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	rows, err := lockCodes(g.tx, slices.Collect(maps.Keys(wanted)))
	if err != nil {
		return err
	}
	for _, r := range rows {
		for _, a := range wanted[string(r.CodeHash)] {
			a.code, a.batchID = r, r.BatchID
		}
	}
	for _, list := range wanted {
		for _, a := range list {
			if a.code == nil || a.code.TakenAt != nil || a.code.ExpiresAt != nil && !g.now.Before(*a.code.ExpiresAt) {
				g.refuse(a, ErrCode)
			}
		}
	}
	g.settle()
	return nil
}

// takenHere tells whether an earlier request of the same commit has the code.
func (g *issuing) takenHere(code *model.CouponCode) bool {
	return slices.ContainsFunc(g.granted, func(a *asking) bool { return a.code == code })
}

// divide divides a number of 128 bits.
func divide(hi, lo, by uint64) (qhi, qlo, rest uint64) {
	qlo, rest = bits.Div64(hi%by, lo, by)
	return hi / by, qlo, rest
}
