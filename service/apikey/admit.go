package apikey

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"time"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// Why a request is not admitted.
var (
	// ErrNotSigned stands for an unknown or revoked key, a wrong signature, and a header that is
	// missing: whoever has no key learns nothing.
	ErrNotSigned = fault.New(fault.Unauthenticated, "open.not_signed", "签名无效", "the signature is not valid")
	ErrTooOld    = fault.New(fault.Unauthenticated, "open.wrong_time", "请求时间与服务器相差超过 5 分钟", "the request's time is more than 5 minutes away from ours")
	ErrRepeated  = fault.New(fault.Conflict, "open.repeated", "该请求已收到过；重试时请换一个 nonce", "this very request was received before; use another nonce to try again")
	ErrAddress   = fault.New(fault.Forbidden, "open.address", "该地址不在接口密钥允许的范围内", "the key may not be used from this address")
	ErrForbidden = fault.New(fault.Forbidden, "open.forbidden", "接口密钥没有这项权限", "the key lacks the permission")
	ErrTooMany   = fault.New(fault.TooMany, "open.too_many", "请求过于频繁", "too many requests")
)

// Window is how far the time of a request may be from ours.
const Window = 5 * time.Minute

// Caller is whose request it is.
type Caller struct {
	KeyID int64
	Name  string
	may   []string
}

// May tells whether the caller has a permission.
func (c *Caller) May(permission string) bool { return slices.Contains(c.may, permission) }

var nonceShape = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

// Known tells whether it is worth reading the body of a request: its headers are complete and its key is
// one of ours. It fails with ErrNotSigned.
func (s *Service) Known(ctx context.Context, r Request) error {
	_, err := s.opened(ctx, r)
	return err
}

// opened finds the key of a request.
func (s *Service) opened(ctx context.Context, r Request) (*opened, error) {
	if !nonceShape.MatchString(r.Nonce) || len(r.Key) > 32 || len(r.Time) > 12 || len(r.Signature) != 2*sha256.Size {
		return nil, ErrNotSigned
	}
	keys, err := s.keys(ctx)
	if err != nil {
		return nil, err
	}
	k := keys[r.Key]
	if k == nil {
		return nil, ErrNotSigned
	}
	return k, nil
}

// Admit says whose request it is. One request is admitted once, whichever replica gets it and whatever
// becomes of Redis. A revoked key is refused by every replica within 5 seconds. It fails with one of
// the faults above.
func (s *Service) Admit(ctx context.Context, r Request) (*Caller, error) {
	k, err := s.opened(ctx, r)
	if err != nil {
		return nil, err
	}
	now := s.now()
	if !k.signed(r, now) {
		return nil, ErrNotSigned
	}
	sent, err := strconv.ParseInt(r.Time, 10, 64)
	if at := time.Unix(sent, 0); err != nil || at.Before(now.Add(-Window)) || at.After(now.Add(Window)) {
		return nil, ErrTooOld
	}
	if !k.from(r.IP) {
		return nil, ErrAddress
	}
	if wait := s.rate.take(ctx, k.row.ID, k.row.PerMinute, now); wait > 0 {
		return nil, ErrTooMany.After(wait)
	}
	isNew, err := s.nonces.Do(ctx, model.APINonce{APIKeyID: k.row.ID, Nonce: nonceOf(r.Nonce), ExpiresAt: time.Unix(sent, 0).UTC().Add(2 * Window)})
	if err != nil {
		return nil, err
	}
	if !isNew {
		return nil, ErrRepeated
	}
	s.note(ctx, k.row.ID, now)
	return &Caller{k.row.ID, k.row.Name, k.permissions}, nil
}

// nonceOf keeps the column short whatever the sender thinks of.
func nonceOf(nonce string) []byte {
	sum := sha256.Sum256([]byte(nonce))
	return sum[:]
}

// signed tells whether the request was signed with one of the key's secrets, in a time that depends on neither.
func (k *opened) signed(r Request, now time.Time) bool {
	given, err := hex.DecodeString(r.Signature)
	if err != nil {
		return false
	}
	ok := hmac.Equal(given, r.mac(k.secret))
	if k.old != "" && now.Before(k.oldUntil) {
		ok = hmac.Equal(given, r.mac(k.old)) || ok
	}
	return ok
}

func (k *opened) from(ip string) bool {
	if len(k.networks) == 0 {
		return true
	}
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(k.networks, func(p netip.Prefix) bool { return p.Contains(a) })
}
