package staff

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/wecom"
)

// stateLife is how long somebody may take on the platform's sign-in page.
const stateLife = 5 * time.Minute

// maxCode is how long a code of the platform is at most, in bytes.
const maxCode = 512

// BeginInput is a browser that asks to be signed in by WeCom.
type BeginInput struct {
	AccountID int64
	Face      string
	Page      string // where to go afterwards: the name of a page
	Browser   string // what an earlier Begin gave this browser; empty: nothing
}

// Begun is a sign-in that has begun.
type Begun struct {
	State   string // travels by way of the platform; letters and digits
	Browser string // stays in the browser, where no script reads it
}

var browserShape = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// Begin makes the state with which a member comes back from the platform: random, good for five minutes,
// once, and only together with what stays in the browser that began. A browser keeps what it has, so that
// several pages of it can begin side by side.
func (s *Service) Begin(ctx context.Context, in BeginInput) (*Begun, error) {
	b := &Begun{State: fmt.Sprintf("%x", random(24)), Browser: in.Browser}
	if !browserShape.MatchString(b.Browser) {
		b.Browser = newToken()
	}
	now := s.now()
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		return insertState(tx, &model.SignInState{
			StateHash: tokenHash(b.State), BrowserHash: tokenHash(b.Browser), AccountID: in.AccountID, Face: in.Face, Page: in.Page,
			ExpiresAt: now.Add(stateLife), CreatedAt: now,
		})
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// ReturnInput is a member who comes back from the platform.
type ReturnInput struct {
	State, Browser string // of Begin
	Code           string // of the platform
	Face           string
	UserAgent      string
	// Account names the account that the sign-in began with; it must be one that people may use now.
	Account func(ctx context.Context, id int64) (*model.Account, error)
}

// Return gives whoever the platform says has come back a new session, and the page where they wanted to
// go. The state is used up whatever comes of it. It fails with ErrState, ErrCode, ErrNotMember,
// ErrNotSynced, ErrNoSignIn, ErrPlatform or ErrRefused, or as in.Account does.
func (s *Service) Return(ctx context.Context, in ReturnInput) (token string, v *Viewer, page string, err error) {
	began, err := s.takeState(ctx, in)
	if err != nil {
		return "", nil, "", err
	}
	acct, err := in.Account(ctx, began.AccountID)
	if err != nil {
		return "", nil, "", err
	}
	userID, err := s.whoHas(ctx, acct, in.Code)
	if err != nil {
		return "", nil, "", err
	}
	token = newToken()
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		who, err := s.mayEnter(tx, acct.ID, userID)
		if err != nil {
			return err
		}
		v, err = s.newSession(tx, who, began.Face, tokenHash(token), in.UserAgent)
		return err
	})
	if err != nil {
		return "", nil, "", err
	}
	return token, v, began.Page, nil
}

// takeState uses a state up; of two who bring it one gets it.
func (s *Service) takeState(ctx context.Context, in ReturnInput) (row *model.SignInState, err error) {
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		row, err = findState(tx, tokenHash(in.State), tokenHash(in.Browser), in.Face, s.now())
		if err != nil {
			return err
		}
		if row == nil {
			return ErrState
		}
		taken, err := dropState(tx, row.ID)
		if err == nil && !taken {
			return ErrState
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return row, nil
}

// whoHas asks the platform whose code it is.
func (s *Service) whoHas(ctx context.Context, acct *model.Account, code string) (userID string, err error) {
	if code == "" || len(code) > maxCode {
		return "", ErrCode
	}
	u, err := s.options.Corp(acct.Name).UserFromCode(ctx, code)
	switch {
	case errors.Is(err, wecom.ErrLoginCode), errors.Is(err, wecom.ErrBadInput):
		return "", ErrCode
	case errors.Is(err, wecom.ErrBusy), errors.Is(err, wecom.ErrRateLimited), errors.Is(err, wecom.ErrInDoubt):
		return "", ErrPlatform
	case errors.Is(err, wecom.ErrToken), errors.Is(err, wecom.ErrCredentials), errors.Is(err, wecom.ErrNoPermission):
		slog.WarnContext(ctx, "WeCom lets nobody sign in", "account", acct.Name, "error", err)
		return "", ErrRefused
	case err != nil:
		return "", fmt.Errorf("exchange a sign-in code: %w", err)
	case u.UserID == "":
		return "", ErrNotMember
	}
	return u.UserID, nil
}

// mayEnter finds and locks a member, or says why they may not come in.
func (s *Service) mayEnter(tx *gorm.DB, accountID int64, userID string) (*model.Staff, error) {
	found, err := lockByUserIDs(tx, accountID, lowered([]string{userID}))
	if err != nil {
		return nil, err
	}
	for _, who := range found {
		if !maySignIn(who) {
			return nil, ErrNoSignIn
		}
		return who, nil
	}
	return nil, ErrNotSynced
}
