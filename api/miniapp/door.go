package miniapp

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"zhiyin/api/rate"
	"zhiyin/service/fault"
	"zhiyin/service/visit"
)

// The refusals at the mini-program's door.
var (
	ErrSignInFirst  = fault.New(fault.Unauthenticated, "visit.sign_in_first", "请先登录", "sign in first")
	ErrCustomerOnly = fault.New(fault.Forbidden, "visit.customers_only", "此功能仅供客户使用", "this is for customers, and you came as a staff member")
	ErrNoConsent    = fault.New(fault.Forbidden, "privacy.consent_required", "请先阅读并同意相关告知", "read the notice and agree to it first")
	ErrOwnIdentity  = fault.New(fault.Invalid, "visit.identity_not_taken", "身份只能来自登录凭证", "who you are follows from your token alone")
)

// ErrTooOften is answered to those who ask too often.
var ErrTooOften = fault.New(fault.TooMany, "visit.too_often", "操作太频繁，请稍后再试", "too many requests; try again in a moment")

// Rates says how often the routes may be called.
var Rates = map[string]rate.Rate{
	"":                                {Caller: 240, Address: 3000},
	"POST /api/miniapp/sign-in":       {Address: 300},
	"POST /api/miniapp/wecom/sign-in": {Address: 120},
	"POST /api/miniapp/events":        {Caller: 60, Address: 3000},
	"POST /api/miniapp/coupon-offers/{id}/claim": {Caller: 30, Address: 3000},
	"POST /api/miniapp/coupon-codes":             {Caller: 12, Address: 600},
	"POST /api/miniapp/coupons/{id}/gifts":       {Caller: 30, Address: 3000},
	"POST /api/miniapp/coupon-gifts/look":        {Caller: 30, Address: 3000},
	"POST /api/miniapp/coupon-gifts/take":        {Caller: 30, Address: 3000},
	"GET /api/miniapp/coupons/{id}/pass":         {Caller: 30, Address: 3000},
	"POST /api/miniapp/me/phone":                 {Caller: 6, Address: 120},
	"POST /api/miniapp/referral-touches":         {Caller: 12, Address: 600},
	"GET /api/miniapp/referrals/{id}/poster":     {Caller: 12, Address: 600},
	"POST /api/miniapp/referrals/{id}/code":      {Caller: 30, Address: 600},
	"PUT /api/miniapp/me/profile":                {Caller: 20, Address: 600},
	"PUT /api/miniapp/consents/{purpose}":        {Caller: 30, Address: 600},
	"POST /api/miniapp/me/requests":              {Caller: 6, Address: 120},
	"DELETE /api/miniapp/me/requests/{id}":       {Caller: 12, Address: 240},
}

// Who may call a route, as its line in the table of routes says.
const (
	AsCustomer = "customer" // a customer, not a staff member inside WeCom
	Consented  = "consent:" // followed by the purpose: a customer who has consented to it
)

// Agreed tells what customers have agreed to.
type Agreed interface {
	// Given tells whether a customer has said yes to a purpose and not taken it back.
	Given(ctx context.Context, customerID int64, purpose string) (bool, error)
}

// Door lets people into the mini-program's face, each only so often.
type Door struct {
	Visits *visit.Service
	Agreed Agreed
	Limits *rate.Limits
}

// identityHeaders name people; whoever sends one means to be somebody whom no token vouches for.
var identityHeaders = []string{"Openid", "X-Openid", "X-Wx-Openid", "Unionid", "X-Unionid", "X-Wx-Unionid", "Customer-Id", "X-Customer-Id", "Phone", "X-Phone"}

// Meet refuses what comes too often from one address, and headers that claim an identity.
func (d *Door) Meet(ctx huma.Context, r *http.Request, ip string) (huma.Context, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	ctx = huma.WithValue(ctx, originKey{}, origin{ip, r.UserAgent(), token})
	if err := d.Limits.Address(ctx.Context(), routeOf(ctx), ip); err != nil {
		return ctx, err
	}
	for _, name := range identityHeaders {
		if _, claimed := r.Header[name]; claimed {
			return ctx, ErrOwnIdentity.With("header."+name, "不接受 / not taken")
		}
	}
	return ctx, nil
}

// Admit returns a context that knows the visitor.
func (d *Door) Admit(ctx huma.Context, _ *http.Request, permission string) (huma.Context, error) {
	token := originOf(ctx.Context()).token
	if token == "" {
		return ctx, ErrSignInFirst
	}
	v, err := d.Visits.Authenticate(ctx.Context(), token)
	if err != nil {
		return ctx, err
	}
	ctx = huma.WithValue(ctx, visitorKey{}, v)
	if err := d.Limits.Caller(ctx.Context(), routeOf(ctx), whoIs(v)); err != nil || permission == "" {
		return ctx, err
	}
	if v.CustomerID == 0 {
		return ctx, ErrCustomerOnly
	}
	purpose, needed := strings.CutPrefix(permission, Consented)
	if !needed {
		return ctx, nil
	}
	given, err := d.Agreed.Given(ctx.Context(), v.CustomerID, purpose)
	if err == nil && !given {
		err = ErrNoConsent.With("purpose", purpose)
	}
	return ctx, err
}

func routeOf(ctx huma.Context) string { return ctx.Method() + " " + ctx.Operation().Path }

// whoIs names a visitor for the limits.
func whoIs(v *visit.Visitor) string {
	if v.CustomerID == 0 {
		return fmt.Sprintf("s:%d", v.StaffID)
	}
	return fmt.Sprintf("c:%d", v.CustomerID)
}
