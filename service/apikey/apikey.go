// Package apikey is the keys with which other systems sign their requests to us: who they are, what
// they may do, and whether a request is truly theirs, fresh, and not one that was received before.
package apikey

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/fault"
	"zhiyin/service/keyring"
	"zhiyin/service/vault"
)

// What can go wrong with a key.
var (
	ErrNotFound = fault.New(fault.NotFound, "api_key.not_found", "没有这个接口密钥", "there is no such key")
	ErrInvalid  = fault.New(fault.Invalid, "api_key.invalid", "接口密钥的设置有误", "a setting of the key is wrong")
	ErrRevoked  = fault.New(fault.Conflict, "api_key.revoked", "接口密钥已吊销", "the key is revoked")
)

// Permission is something a key may be allowed to do. Its name is data: never rename one.
type Permission struct {
	Name   string
	Zh, En string
}

// The names of permissions.
const (
	MayWriteProducts   = "product.write"
	MayWriteOrders     = "order.write"
	MayReadOrders      = "order.read"
	MayFindCustomers   = "customer.read"
	MayReadProfile     = "customer.profile"
	MayReadTags        = "customer.tags"
	MayReadTrade       = "customer.trade"
	MayReadLifecycle   = "customer.lifecycle"
	MayRecordEvents    = "event.write"
	MayValidateCoupons = "coupon.validate"
	MayRedeemCoupons   = "coupon.redeem"
	MayRefundCoupons   = "coupon.refund"
	MayStartJourneys   = "journey.start"
)

// The bounds of what may be set.
const (
	maxPerMinute     = 6000
	defaultPerMinute = 600
	maxNetworks      = 50
	maxOverlap       = 30 * 24 * time.Hour
	maxName          = 64
)

// The columns that hold secrets; see place.
const (
	secretColumn    = "sealed_secret"
	oldSecretColumn = "sealed_old_secret"
)

// permissions is the one table of what keys may be allowed.
var permissions = []Permission{
	{MayWriteProducts, "写入商品和分类", "write products and categories"},
	{MayWriteOrders, "写入订单和退款", "write orders and refunds"},
	{MayReadOrders, "查询订单", "read orders"},
	{MayFindCustomers, "按身份查询客户", "find customers by an identity"},
	{MayReadProfile, "查询结果含客户资料", "and see their profile"},
	{MayReadTags, "查询结果含标签", "and see their tags"},
	{MayReadTrade, "查询结果含成交汇总", "and see what they bought in all"},
	{MayReadLifecycle, "查询结果含生命周期阶段和价值", "and see their stage and value"},
	{MayRecordEvents, "写入客户事件", "record events of customers"},
	{MayValidateCoupons, "查询客户的券可省多少", "ask what coupons of customers would save"},
	{MayRedeemCoupons, "预占与核销券", "reserve and redeem coupons"},
	{MayRefundCoupons, "退款时退券", "take coupons back when orders are refunded"},
	{MayStartJourneys, "让客户进入旅程", "have customers enter journeys"},
}

// Permissions lists what keys may be allowed.
func Permissions() []Permission { return slices.Clone(permissions) }

// Service is the keys. Safe for concurrent use.
type Service struct {
	db     *gorm.DB
	now    clock.Clock
	vault  *vault.Vault
	book   book
	rate   rate
	nonces *model.GroupCommit[model.APINonce, bool]
	used   lastUses
}

// New takes the vault that seals secrets, and Redis, which may be nil, where requests are counted for
// all replicas together; prefix begins its keys.
func New(db *gorm.DB, now clock.Clock, v *vault.Vault, r redis.UniversalClient, prefix string) *Service {
	s := &Service{db: db, now: now, vault: v, rate: rate{redis: r, prefix: prefix}}
	s.nonces = model.NewGroupStatement(db, 100, 4, insertNonces)
	return s
}

// Input describes a key. Nil leaves a value as it is, or as it is by default.
type Input struct {
	Name        *string
	Permissions []string
	Networks    []string // addresses or networks; empty, not nil: from anywhere
	PerMinute   *int
}

// Key is a key as people may see it: never its secret.
type Key struct {
	model.APIKey
	Permissions []string
	Networks    []string
}

// Create makes a key and gives its secret, which nobody sees again. It fails with ErrInvalid.
func (s *Service) Create(ctx context.Context, by int64, in Input) (*Key, string, error) {
	secret := newSecret()
	now := s.now()
	row := &model.APIKey{
		KeyID: "zk_" + strings.ToLower(rand.Text()[:20]), Permissions: "[]", Networks: "[]", PerMinute: defaultPerMinute,
		CreatedBy: by, CreatedAt: now, UpdatedAt: now,
	}
	if in.Name == nil {
		in.Name = new(string)
	}
	if err := in.apply(row); err != nil {
		return nil, "", err
	}
	row.SealedSecret = s.vault.Seal(secret, place(secretColumn, row.KeyID))
	if err := insertKey(s.db.WithContext(ctx), row); err != nil {
		return nil, "", err
	}
	s.book.forget()
	k, err := shown(row)
	return k, secret, err
}

// newSecret has 260 random bits.
func newSecret() string { return "zs_" + rand.Text() + rand.Text() }

// Seals lists where this capability keeps what is sealed, for the rotation of keys.
func Seals() []keyring.Place {
	return []keyring.Place{
		keyring.Column{Table: "api_key", Column: secretColumn, Row: []string{"key_id"}}, keyring.Column{Table: "api_key", Column: oldSecretColumn, Row: []string{"key_id"}},
	}
}

func place(column, keyID string) vault.Place {
	return vault.Place{Table: "api_key", Column: column, Row: keyID}
}

// apply writes what is asked for into a row, or fails with ErrInvalid.
func (in Input) apply(row *model.APIKey) error {
	var wrong *fault.Fault
	refuse := func(field, reason string) {
		if wrong == nil {
			wrong = ErrInvalid
		}
		wrong = wrong.With(field, reason)
	}
	if in.Name != nil {
		name := strings.TrimSpace(*in.Name)
		if name == "" || utf8.RuneCountInString(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			refuse("name", "1–64 个字符 / 1–64 characters")
		}
		row.Name = name
	}
	if in.Permissions != nil {
		for _, p := range in.Permissions {
			if !slices.ContainsFunc(permissions, func(known Permission) bool { return known.Name == p }) {
				refuse("permissions", "没有这项权限 / there is no such permission")
			}
		}
		row.Permissions = listOf(in.Permissions)
	}
	if in.Networks != nil {
		for i, n := range in.Networks {
			if in.Networks[i] = normalNetwork(n); in.Networks[i] == "" || len(in.Networks) > maxNetworks {
				refuse("networks", "IP 地址或网段，最多 50 个 / addresses or networks, at most 50")
				break
			}
		}
		row.Networks = listOf(in.Networks)
	}
	if in.PerMinute != nil {
		if *in.PerMinute < 1 || *in.PerMinute > maxPerMinute {
			refuse("per_minute", "1 到 6000 / 1 to 6000")
		}
		row.PerMinute = *in.PerMinute
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

// normalNetwork gives an address or a network as a network; empty for what is neither.
func normalNetwork(text string) string {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked().String()
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return ""
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()).String()
}

// listOf is a list as a column holds it, each entry once.
func listOf(list []string) string {
	list = slices.Clone(list)
	slices.Sort(list)
	b, err := json.Marshal(slices.Compact(list))
	if err != nil {
		panic(err) // strings
	}
	return string(b)
}

func shown(row *model.APIKey) (*Key, error) {
	k := &Key{APIKey: *row}
	if err := json.Unmarshal([]byte(row.Permissions), &k.Permissions); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(row.Networks), &k.Networks); err != nil {
		return nil, err
	}
	return k, nil
}

// List gives all keys, the newest first, revoked ones included.
func (s *Service) List(ctx context.Context) ([]Key, error) {
	rows, err := allKeys(s.db.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	list := make([]Key, len(rows))
	for i := range rows {
		k, err := shown(&rows[i])
		if err != nil {
			return nil, err
		}
		list[i] = *k
	}
	return list, nil
}

// Update changes what is given and may be repeated. It fails with ErrNotFound, ErrRevoked or ErrInvalid.
func (s *Service) Update(ctx context.Context, id int64, in Input) (k *Key, err error) {
	return s.change(ctx, id, func(row *model.APIKey) error { return in.apply(row) })
}

// Rotate gives a key a new secret, which nobody sees again. The one before stays valid for oldValidFor,
// 0 to 30 days; any older one ends at once. It fails with ErrNotFound, ErrRevoked or ErrInvalid.
func (s *Service) Rotate(ctx context.Context, id int64, oldValidFor time.Duration) (k *Key, secret string, err error) {
	if oldValidFor < 0 || oldValidFor > maxOverlap {
		return nil, "", ErrInvalid.With("old_valid_for", "0 到 30 天 / 0 to 30 days")
	}
	secret = newSecret()
	k, err = s.change(ctx, id, func(row *model.APIKey) error {
		row.SealedOldSecret, row.OldUntil = nil, nil
		if oldValidFor > 0 {
			old, err := s.vault.Open(row.SealedSecret, place(secretColumn, row.KeyID))
			if err != nil {
				return err
			}
			until := s.now().Add(oldValidFor)
			row.SealedOldSecret, row.OldUntil = s.vault.Seal(old, place(oldSecretColumn, row.KeyID)), &until
		}
		row.SealedSecret = s.vault.Seal(secret, place(secretColumn, row.KeyID))
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return k, secret, nil
}

// Revoke ends a key for good: within 5 seconds no replica accepts it. It may be repeated. It fails with ErrNotFound.
func (s *Service) Revoke(ctx context.Context, id int64) error {
	err := revoke(s.db.WithContext(ctx), id, s.now())
	if err == nil {
		s.book.forget()
	}
	return err
}

func (s *Service) change(ctx context.Context, id int64, do func(row *model.APIKey) error) (k *Key, err error) {
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		row, err := lockKey(tx, id)
		if err != nil {
			return err
		}
		if row.RevokedAt != nil {
			return ErrRevoked
		}
		if err := do(row); err != nil {
			return err
		}
		row.UpdatedAt = s.now()
		if err := updateKey(tx, row); err != nil {
			return err
		}
		k, err = shown(row)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.book.forget()
	return k, nil
}
