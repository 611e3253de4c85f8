package referral

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
)

// codeAlphabet leaves out what people mistake for something else (i, l, o, u).
const codeAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// codeLength: 16 characters of five bits are 80 bits, and fit into the scene of a mini-program's code, which has 32 characters.
const codeLength = 16

func newCode() string {
	b := make([]byte, codeLength)
	rand.Read(b) // never fails
	for i := range b {
		b[i] = codeAlphabet[int(b[i])%len(codeAlphabet)]
	}
	return string(b)
}

// readCode gives the code that somebody means; ok is false when it can't be one. Texts of people come in capitals and with spaces.
func readCode(text string) (code string, ok bool) {
	code = strings.ToLower(strings.TrimSpace(text))
	return code, len(code) == codeLength && strings.Trim(code, codeAlphabet) == ""
}

// Origin is where a request comes from, as far as it says. Only hashes are kept.
type Origin struct{ Device, Address string }

// traced is a keyed hash of a device or an address, since there are few of those; nil for none.
func (s *Service) traced(what, text string) []byte {
	if text == "" {
		return nil
	}
	mac := hmac.New(sha256.New, s.Key)
	mac.Write([]byte("referral " + what + "\x00" + text))
	return mac.Sum(nil)[:16]
}

// Code gives a customer's own code of a programme, made at the first time; asked again it is the same. One that is there is
// given after the end too. It fails with ErrNotFound, ErrClosed or ErrAudience.
func (s *Service) Code(ctx context.Context, customerID, id int64, from Origin) (code *model.ReferralCode, err error) {
	db := s.DB.WithContext(ctx)
	p, err := s.shown(db, id)
	if err != nil {
		return nil, err
	}
	if code, err = codeOf(db, id, customerID); err != nil || code != nil {
		return code, err
	}
	if !p.open(s.Now()) {
		return nil, ErrClosed
	}
	if p.SegmentID != 0 {
		in, err := s.Segments.Contains(ctx, p.SegmentID, customerID)
		if err != nil {
			return nil, err
		}
		if len(in) == 0 {
			return nil, ErrAudience
		}
	}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row := &model.ReferralCode{
			ProgrammeID: id, CustomerID: customerID, HolderID: customerID, Code: newCode(), CreatedAt: s.Now(),
			Device: s.traced("device", from.Device), Address: s.traced("address", from.Address),
		}
		if err := insertCode(tx, row); err != nil {
			return err
		}
		code, err = codeOf(tx, id, customerID)
		return err
	})
	if err == nil && code == nil {
		err = ErrNotFound // the customer turned out to be another one just now
	}
	return code, err
}

// shown finds a programme that customers may know of: no draft.
func (s *Service) shown(db *gorm.DB, id int64) (*Programme, error) {
	p, err := programme(db, id)
	if err == nil && p.State == StateDraft {
		err = ErrNotFound
	}
	return p, err
}

// Link is the address behind the QR code of an inviter's poster; empty: the programme has none.
func (p *Programme) LinkOf(code string) string { return strings.Replace(p.Link, codeHolder, code, 1) }

// SceneOf is what a mini-program's code carries.
func SceneOf(code string) string { return "r=" + code }
