package visit

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/privacy"
)

// ErrNobody is what a push of the platform gets that names no customer.
var ErrNobody = fault.New(fault.NotFound, "visit.nobody", "没有这位用户", "no such user")

// Authorization is something that users let a mini-program have, and can take back at the platform. What
// is asked for without being kept has nothing to forget.
type Authorization struct {
	Code   string // the platform's, of RevokeInfo
	Zh, En string
	Forget []string // see customer.Forgetting
}

// authorizations lists them (小程序 · 授权用户信息变更).
var authorizations = []Authorization{
	{"1", "车牌号", "number plate", nil},
	{"2", "地址", "address", nil},
	{"3", "发票信息", "invoice details", nil},
	{"4", "蓝牙", "Bluetooth", nil},
	{"5", "麦克风", "microphone", nil},
	{"6", "昵称和头像", "nickname and avatar", []string{"name", "avatar"}},
	{"7", "摄像头", "camera", nil},
	{"8", "手机号", "phone number", []string{customer.KindPhone}},
	{"12", "微信运动步数", "steps", nil},
	{"13", "位置信息", "position", nil},
	{"14", "选中的图片或视频", "chosen pictures or videos", nil},
	{"15", "选中的文件", "chosen files", nil},
	{"16", "邮箱地址", "e-mail address", nil},
	{"18", "选择的位置信息", "chosen position", nil},
	{"19", "昵称输入键盘中选择的微信昵称", "nickname chosen from the keyboard", []string{"name"}},
	{"20", "头像组件中选择的微信头像", "avatar chosen", []string{"avatar"}},
}

// Authorizations lists what users can take back at the platform.
func Authorizations() []Authorization { return slices.Clone(authorizations) }

// The platform's pushes about what users let a mini-program have.
const (
	Modified  = "user_info_modified"              // the platform cleaned up a nickname or an avatar
	Revoked   = "user_authorization_revoke"       // the user took something back
	Cancelled = "user_authorization_cancellation" // the user closed their WeChat account
)

// Privacy is what this package needs of the privacy capability.
type Privacy interface {
	RequestTx(tx *gorm.DB, in privacy.RequestInput) (*model.PrivacyRequest, error)
	DecideTx(tx *gorm.DB, d privacy.Decision) error
}

// AuthorizationChange is one push.
type AuthorizationChange struct {
	Account *model.Account
	Kind    string
	OpenID  string
	Codes   []string // of Revoked
	At      time.Time
}

// ChangeAuthorization forgets at once what the push names, as far as the mini-program has told it, and
// records the request that makes people and processors forget the rest. Somebody who closed their account
// is signed out everywhere and asks for all of it. What the customer gave again after the push stays, so
// late and repeated pushes do no harm. It fails with ErrNobody.
func (s *Service) ChangeAuthorization(ctx context.Context, in AuthorizationChange) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		id, err := s.Persons.OwnerOf(tx, customer.KindOpenID, in.Account.PlatformID, in.OpenID)
		if errors.Is(err, customer.ErrNotFound) {
			return ErrNobody
		}
		if err != nil {
			return err
		}
		c := consequence(in)
		if c.signOut {
			if err := s.EndTx(tx, id); err != nil {
				return err
			}
		}
		forgotten, err := s.Persons.ForgetTx(tx, customer.Forgetting{
			CustomerID: id, Fields: c.forget, Told: Source, Until: in.At.Add(time.Second - 1), Source: event.SourceCallback,
		})
		if err != nil {
			return err
		}
		if err := s.Moderation.ForgottenTx(tx, id, forgotten); err != nil {
			return err
		}
		if slices.Contains(forgotten, customer.KindPhone) {
			err := s.Privacy.DecideTx(tx, privacy.Decision{CustomerID: id, Purpose: privacy.Phone, Channel: privacy.ByPlatform, Proof: in.Kind})
			if err != nil {
				return err
			}
		}
		if len(forgotten) == 0 && !c.always {
			return nil
		}
		for _, kind := range c.requests {
			_, err := s.Privacy.RequestTx(tx, privacy.RequestInput{CustomerID: id, Kind: kind, Source: privacy.ByPlatform, Note: c.note})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// outcome is what follows from a push.
type outcome struct {
	forget   []string
	requests []string // kinds of privacy.RequestInput
	always   bool     // though nothing was found to forget
	signOut  bool
	note     string
}

func consequence(in AuthorizationChange) (c outcome) {
	switch in.Kind {
	case Cancelled:
		return outcome{forget: []string{"name", "avatar", customer.KindPhone}, requests: []string{privacy.RequestErase}, always: true, signOut: true}
	case Modified: // the mini-program asks again, because the profile is empty
		return outcome{forget: []string{"name", "avatar"}}
	}
	for _, code := range in.Codes {
		i := slices.IndexFunc(authorizations, func(a Authorization) bool { return a.Code == code })
		if i < 0 {
			// Something that the platform has begun to offer since: people find out what it is.
			c.add(privacy.RequestEraseProfile)
			c.always, c.note = true, "RevokeInfo "+code[:min(len(code), 32)]
			continue
		}
		for _, field := range authorizations[i].Forget {
			c.forget = append(c.forget, field)
			if field == customer.KindPhone {
				c.add(privacy.RequestErasePhone)
			} else {
				c.add(privacy.RequestEraseProfile)
			}
		}
	}
	return c
}

func (c *outcome) add(request string) {
	if !slices.Contains(c.requests, request) {
		c.requests = append(c.requests, request)
	}
}
