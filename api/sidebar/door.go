package sidebar

import (
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"zhiyin/api/console"
	"zhiyin/api/rate"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
)

// ErrTooOften is answered to those who ask too often.
var ErrTooOften = fault.New(fault.TooMany, "sidebar.too_often", "操作太频繁，请稍后再试", "too many requests; try again in a moment")

// Rates says how often the routes may be called. Behind one address there may be a whole corp.
var Rates = map[string]rate.Rate{
	"":                                 {Caller: 600, Address: 6000},
	"POST /api/sidebar/sign-in/begin":  {Address: 600},
	"POST /api/sidebar/sign-in":        {Address: 600},
	"GET /api/sidebar/doctor":          {Address: 60},
	"POST /api/sidebar/signatures":     {Caller: 120},
	"POST /api/sidebar/reminders":      {Caller: 60},
	"POST /api/sidebar/customers/tags": {Caller: 120},
}

// Cookie is the name of the session cookie; over https it is bound to the host.
func Cookie(secure bool) string { return bound("zhiyin-sidebar", secure) }

// browserCookie is the name of the cookie that binds a sign-in to the browser that began it.
func browserCookie(secure bool) string { return bound("zhiyin-sidebar-begun", secure) }

func bound(name string, secure bool) string {
	if secure {
		return "__Host-" + name
	}
	return name
}

// Door lets members in, each only so often.
type Door struct {
	*console.Door
	Limits *rate.Limits
}

// NewDoor makes the door of this face; limits may be nil.
func NewDoor(s *staff.Service, secure bool, limits *rate.Limits) *Door {
	return &Door{&console.Door{Staff: s, Secure: secure, Face: staff.FaceSidebar, CookieName: Cookie(secure)}, limits}
}

// Meet does as the console's door, and refuses what comes too often from one address.
func (d *Door) Meet(ctx huma.Context, r *http.Request, ip string) (huma.Context, error) {
	ctx, err := d.Door.Meet(ctx, r, ip)
	if err != nil {
		return ctx, err
	}
	return ctx, d.Limits.Address(ctx.Context(), routeOf(ctx), ip)
}

// Admit does as the console's door, and refuses who comes too often.
func (d *Door) Admit(ctx huma.Context, r *http.Request, permission string) (huma.Context, error) {
	ctx, err := d.Door.Admit(ctx, r, permission)
	if err != nil {
		return ctx, err
	}
	return ctx, d.Limits.Caller(ctx.Context(), routeOf(ctx), fmt.Sprintf("s:%d", console.ViewerOf(ctx.Context()).StaffID))
}

func routeOf(ctx huma.Context) string { return ctx.Method() + " " + ctx.Operation().Path }
