package visit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/service/customer"
	"zhiyin/service/fault"
	"zhiyin/service/moderation"
	"zhiyin/wecom"
)

// SignInInput is somebody at the door.
type SignInInput struct {
	Account   string // short name of the mini-program's account; of the corp's, for staff
	Code      string // of wx.login; of wx.qy.login, for staff
	UserAgent string
	// Touch is where the customer says to come from; its row ids and time are not theirs to say.
	Touch model.CustomerTouch
}

// SignIn exchanges a code of wx.login for a visit of the customer whom the platform names, made if
// nobody knew them. The token is stored nowhere. It fails with ErrUnknownApp, ErrBadCode, ErrRisky or
// ErrBusy.
func (s *Service) SignIn(ctx context.Context, in SignInInput) (token string, v *Visitor, err error) {
	app, err := s.account(ctx, in.Account, account.KindMiniApp)
	if err != nil {
		return "", nil, err
	}
	if err := s.spend(ctx, "login", in.Code, ErrBadCode); err != nil {
		return "", nil, err
	}
	who, err := s.MiniApp(app.Name).CodeToSession(ctx, in.Code)
	if err != nil {
		return "", nil, s.platformSays(ctx, "login", in.Code, err, ErrBadCode)
	}
	return s.open(ctx, in, func(tx *gorm.DB, row *model.Visit) error {
		row.AccountID = app.ID
		found, err := s.Persons.ResolveTx(tx, evidence(app, who))
		if err != nil {
			return err
		}
		row.CustomerID = found.CustomerID
		t := in.Touch
		t.CustomerID, t.AccountID, t.Source, t.TouchedAt = row.CustomerID, app.ID, Source, row.CreatedAt
		if err := s.Touches.TouchTx(tx, t); err != nil {
			return err
		}
		return s.Moderation.VisitedTx(tx, moderation.Author{CustomerID: row.CustomerID, AccountID: app.ID})
	})
}

// evidence is what the platform vouches for.
func evidence(app *model.Account, who *wecom.Session) customer.Evidence {
	e := customer.Evidence{
		Identities: []customer.Seen{{Kind: customer.KindOpenID, Scope: app.PlatformID, Value: who.OpenID}},
		Source:     Source, AccountID: app.ID, Create: true, New: model.Customer{Type: typeWeChat, FirstSource: Source},
	}
	if who.UnionID != "" {
		e.Identities = append(e.Identities, customer.Seen{Kind: customer.KindUnionID, Value: who.UnionID})
	}
	return e
}

// typeWeChat is a customer's type: a WeChat user.
const typeWeChat = 1

// SignInStaff exchanges a code of wx.qy.login for a visit of the staff member whom the platform names.
// It fails as SignIn does, and with ErrNotStaff.
func (s *Service) SignInStaff(ctx context.Context, in SignInInput) (token string, v *Visitor, err error) {
	corp, err := s.account(ctx, in.Account, account.KindWeCom)
	if err != nil {
		return "", nil, err
	}
	if err := s.spend(ctx, "qylogin", in.Code, ErrBadCode); err != nil {
		return "", nil, err
	}
	who, err := s.Corp(corp.Name).CodeToSession(ctx, in.Code)
	if err != nil {
		return "", nil, s.platformSays(ctx, "qylogin", in.Code, err, ErrBadCode)
	}
	if who.CorpID != corp.PlatformID {
		return "", nil, ErrNotStaff
	}
	token, _, err = s.open(ctx, in, func(tx *gorm.DB, row *model.Visit) error {
		row.AccountID = corp.ID
		row.StaffID, err = s.member(tx, corp.ID, who.UserID)
		return err
	})
	if err != nil {
		return "", nil, err
	}
	// Reads what else every request reads of a staff member, and whether they may be here at all.
	v, err = s.Authenticate(ctx, token)
	if errors.Is(err, ErrEnded) {
		err = ErrNotStaff
	}
	return token, v, err
}

func (s *Service) member(tx *gorm.DB, accountID int64, userID string) (int64, error) {
	members, err := s.Staff.ByUserIDsTx(tx, accountID, []string{userID})
	if err != nil {
		return 0, err
	}
	for _, m := range members {
		return m.ID, nil
	}
	return 0, ErrNotStaff
}

// account finds an enabled account of a kind by its short name.
func (s *Service) account(ctx context.Context, name, kind string) (*model.Account, error) {
	a, err := s.Accounts.ByName(ctx, name)
	switch {
	case errors.Is(err, account.ErrNotFound):
		return nil, ErrUnknownApp
	case err != nil:
		return nil, err
	case a.Kind != kind || !a.Enabled:
		return nil, ErrUnknownApp
	}
	return a, nil
}

// open makes a visit for whoever whose tells.
func (s *Service) open(ctx context.Context, in SignInInput, whose func(tx *gorm.DB, row *model.Visit) error) (string, *Visitor, error) {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	token := base64.RawURLEncoding.EncodeToString(secret)
	var v *Visitor
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		now := s.Now()
		row := &model.Visit{
			TokenHash: tokenHash(token), UserAgent: cut(strings.ToValidUTF8(in.UserAgent, ""), 255),
			SeenAt: now, ExpiresAt: now.Add(WholeTime), CreatedAt: now,
		}
		if err := whose(tx, row); err != nil {
			return err
		}
		v = &Visitor{AccountID: row.AccountID, CustomerID: row.CustomerID, StaffID: row.StaffID, ExpiresAt: row.ExpiresAt}
		err := insertVisit(tx, row)
		v.VisitID = row.ID
		return err
	})
	if err != nil {
		return "", nil, err
	}
	return token, v, nil
}

// spend notes that a code was brought, or fails with used when it had been before. What is noted is a
// hash, and for a day only.
func (s *Service) spend(ctx context.Context, kind, code string, used *fault.Fault) error {
	if code == "" || len(code) > maxCode {
		return used
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		fresh, err := noteCode(tx, codeHash(kind, code), s.Now().Add(codeLife))
		if err == nil && !fresh {
			return used
		}
		return err
	})
}

// platformSays turns what the gateway found into what the caller may act on. A code that the platform
// surely has not looked at may be brought once more.
func (s *Service) platformSays(ctx context.Context, kind, code string, err error, bad *fault.Fault) error {
	switch {
	case errors.Is(err, wecom.ErrLoginCode), errors.Is(err, wecom.ErrBadInput):
		return bad
	case wecom.CodeOf(err) == codeRisky:
		return ErrRisky
	case untouched(err):
		forgotten := model.InTx(context.WithoutCancel(ctx), s.DB, func(tx *gorm.DB) error { return forgetCode(tx, codeHash(kind, code)) })
		return errors.Join(ErrBusy, forgotten)
	case errors.Is(err, wecom.ErrInDoubt):
		return ErrBusy
	}
	return fmt.Errorf("exchange a %s code: %w", kind, err)
}

// codeRisky is the platform's errcode for an account that it blocks.
const codeRisky = 40226

// untouched tells whether the platform surely did nothing with the code.
func untouched(err error) bool {
	return errors.Is(err, wecom.ErrBusy) || errors.Is(err, wecom.ErrRateLimited) || errors.Is(err, wecom.ErrToken)
}

func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func codeHash(kind, code string) []byte { return tokenHash(kind + ":" + code) }

func cut(text string, runes int) string {
	r := []rune(text)
	if len(r) > runes {
		return string(r[:runes])
	}
	return text
}
