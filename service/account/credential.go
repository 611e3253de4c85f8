package account

import (
	"context"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/wecom"
)

// Credentials is what the platform knows an account by.
type Credentials struct {
	Kind       string
	PlatformID string // corp id or app id
	AgentID    int64  // 0 for mini-programs
	Secret     wecom.Secret
}

// Credentials opens what is needed to speak to the platform as an account, from memory as ByName. It
// fails with ErrNotFound, ErrDisabled, ErrWrongKey or ErrUnreadable.
func (s *Service) Credentials(ctx context.Context, name string) (Credentials, error) {
	e, err := s.enabled(ctx, name)
	if err != nil {
		return Credentials{}, err
	}
	if e.secretErr != nil {
		return Credentials{}, e.secretErr
	}
	return Credentials{e.row.Kind, e.row.PlatformID, e.row.AgentID, e.secret}, nil
}

// KeySet is one pair of callback keys.
type KeySet struct {
	Token  wecom.Secret
	AESKey wecom.Secret // EncodingAESKey, 43 characters
	// ValidUntil is when an old pair stops being accepted; zero for the present pair.
	ValidUntil time.Time
}

// CallbackKeys gives the pairs of keys that callbacks to an account may be signed with now, the
// present one first: one, or two for a while after a rotation. It answers from memory as ByName and
// fails with ErrNotFound, ErrDisabled, ErrNoCallbackKeys, ErrWrongKey or ErrUnreadable.
func (s *Service) CallbackKeys(ctx context.Context, name string) ([]KeySet, *model.Account, error) {
	e, err := s.enabled(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if e.keysErr != nil {
		return nil, nil, e.keysErr
	}
	if len(e.keys) == 2 && !s.now().Before(e.keys[1].ValidUntil) {
		return e.keys[:1:1], e.account(), nil
	}
	return e.keys[:len(e.keys):len(e.keys)], e.account(), nil
}

// maxOverlap bounds how long two pairs of callback keys may be valid.
const maxOverlap = 30 * 24 * time.Hour

// RotateCallbackKeys sets new callback keys; those before stay valid for oldValidFor (0 to 30 days)
// from now, and any older ones end at once. Repeating it with the present keys changes nothing. It
// fails with ErrNotFound, ErrInvalid, and, when the present keys can't be read while they should
// stay valid, ErrWrongKey or ErrUnreadable.
func (s *Service) RotateCallbackKeys(ctx context.Context, id int64, token, aesKey string, oldValidFor time.Duration) error {
	var c check
	c.callbackKeys(token, aesKey)
	c.that(oldValidFor >= 0 && oldValidFor <= maxOverlap, "old_valid_for", "0 到 30 天 / 0 to 30 days")
	if err := c.err(); err != nil {
		return err
	}
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		row, err := lock(tx, id)
		if err != nil {
			return err
		}
		columns, err := s.rotation(row, token, aesKey, oldValidFor)
		if err != nil || columns == nil {
			return err
		}
		return update(tx, id, columns)
	})
	if err != nil {
		return err
	}
	s.book.forget()
	return nil
}

// rotation gives the columns that make token and aesKey the present keys; nil when they are already.
func (s *Service) rotation(row *model.Account, token, aesKey string, oldValidFor time.Duration) (map[string]any, error) {
	oldToken, oldAESKey, err := s.callbackKeys(row)
	if oldValidFor == 0 && fault.Of(err) != nil {
		err = nil // keys that can't be read are replaced, not kept
	}
	if err != nil {
		return nil, err
	}
	if oldToken == token && oldAESKey == aesKey {
		return nil, nil
	}
	now := s.now()
	columns := map[string]any{
		colToken: s.seal.seal(token, colToken, row.Name), colAESKey: s.seal.seal(aesKey, colAESKey, row.Name),
		colOldToken: nil, colOldAESKey: nil, "old_callback_until": nil, "updated_at": now,
	}
	if oldToken != "" && oldValidFor > 0 {
		// Sealed again, because a sealed value is bound to its column.
		columns[colOldToken] = s.seal.seal(oldToken, colOldToken, row.Name)
		columns[colOldAESKey] = s.seal.seal(oldAESKey, colOldAESKey, row.Name)
		columns["old_callback_until"] = now.Add(oldValidFor)
	}
	return columns, nil
}

func (s *Service) callbackKeys(row *model.Account) (token, aesKey string, err error) {
	if token, err = s.seal.open(row.SealedCallbackToken, colToken, row.Name); err != nil {
		return "", "", err
	}
	if aesKey, err = s.seal.open(row.SealedCallbackAESKey, colAESKey, row.Name); err != nil {
		return "", "", err
	}
	return token, aesKey, nil
}
