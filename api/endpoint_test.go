package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"zhiyin/api/problem"
	"zhiyin/model"
	"zhiyin/service/staff"
)

// everything is an input with all that routes may take.
type everything struct {
	Elsewhere
	ID      string    `path:"id" minLength:"2" doc:"whose"`
	Since   time.Time `query:"since" doc:"from when"`
	Kinds   []string  `query:"kinds" enum:"red,green" maxItems:"2"`
	Only    bool      `query:"only"`
	Share   float64   `query:"share" maximum:"1"`
	Shop    string    `query:"shop" required:"true"`
	Trace   string    `header:"X-Trace" maxLength:"5"`
	Browser string    `cookie:"browser" hidden:"true"`
	Body    struct {
		Name   string   `json:"name" minLength:"1" maxLength:"5"`
		Colour string   `json:"colour,omitempty" enum:"red,green" default:"green"`
		Many   int      `json:"many,omitempty" minimum:"1" default:"3"`
		Parts  []part   `json:"parts,omitempty" maxItems:"2"`
		Next   *part    `json:"next,omitempty"`
		Words  []string `json:"words,omitempty" nullable:"false"`
	}
}

type Elsewhere struct {
	Limit int64 `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type part struct {
	Size int8 `json:"size" maximum:"1000"`
}

type answered struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Kind      string      `header:"X-Kind"`
	Body      struct {
		Got everything `json:"got"`
	}
}

type told struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

type streamed struct {
	ContentType string `header:"Content-Type"`
	Body        func(huma.Context)
}

type nothing struct{}

func giveBack(_ context.Context, in *everything) (*answered, error) {
	if in.ID == "broken" {
		return nil, problem.New(context.Background(), http.StatusConflict, true)
	}
	out := &answered{Kind: in.Body.Colour, SetCookie: http.Cookie{Name: "browser", Value: "b", Path: "/"}}
	out.Body.Got = *in
	return out, nil
}

// twice registers the same routes with huma.Register and with operate.
func twice() (theirs, ours *gin.Engine) {
	apiOf := func() (*gin.Engine, huma.API) {
		engine := gin.New()
		c := huma.DefaultConfig("twice", "1")
		c.CreateHooks, c.RejectUnknownQueryParameters = nil, true
		return engine, humagin.New(engine, c)
	}
	var a, b huma.API
	theirs, a = apiOf()
	ours, b = apiOf()
	both(a, b, http.MethodPost, "/things/{id}", giveBack)
	both(a, b, http.MethodGet, "/text", func(context.Context, *nothing) (*told, error) { return &told{"text/csv", []byte("a,b")}, nil })
	both(a, b, http.MethodGet, "/stream", func(context.Context, *nothing) (*streamed, error) {
		return &streamed{"text/plain", func(ctx huma.Context) { _, _ = ctx.BodyWriter().Write([]byte("drop by drop")) }}, nil
	})
	both(a, b, http.MethodDelete, "/things", func(context.Context, *nothing) (*nothing, error) { return &nothing{}, nil })
	both(a, b, http.MethodGet, "/unnamed", func(_ context.Context, in *struct {
		Elsewhere
	}) (*struct{ Body []int64 }, error) {
		return &struct{ Body []int64 }{[]int64{in.Limit}}, nil
	})
	return theirs, ours
}

func both[I, O any](theirs, ours huma.API, method, path string, h func(context.Context, *I) (*O, error)) {
	op := huma.Operation{Method: method, Path: path, OperationID: operationID(method, path), Errors: []int{422, 500}, BodyReadTimeout: -1}
	huma.Register(theirs, op, h)
	operate(ours, op, signatureOf(handler[I, O](h)), func(_ context.Context, err error) *problem.Problem {
		var p *problem.Problem
		errors.As(err, &p)
		return p
	})
}

// TestEndpointIsAsHumaWouldHaveIt holds documents and answers against those of huma.Register.
func TestEndpointIsAsHumaWouldHaveIt(t *testing.T) {
	theirs, ours := twice()
	ask := func(engine *gin.Engine, method, path, body string, header http.Header) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		for name, values := range header {
			r.Header[name] = values
		}
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, r)
		return w
	}
	good := `{"name":"Ann"}`
	tests := []struct {
		what, method, path, body string
		header                   http.Header
		want                     int
	}{
		{"the document", "GET", "/openapi.json", "", nil, 200},
		{"the least", "POST", "/things/ab?shop=s", good, nil, 200},
		{"all of it", "POST", "/things/ab?shop=s&since=2026-11-22T12:00:00%2B08:00&kinds=red,green&only=true&share=0.5&limit=7",
			`{"name":"安","colour":"red","many":9,"parts":[{"size":1},{"size":2}],"next":{"size":3},"words":["a<b"]}`,
			http.Header{"X-Trace": {"t1"}, "Cookie": {"other=1; browser=b7"}}, 200},
		{"a null", "POST", "/things/ab?shop=s", `{"name":null}`, nil, 422},
		{"a required parameter is missing", "POST", "/things/ab", good, nil, 422},
		{"an unknown parameter", "POST", "/things/ab?shop=s&colour=red", good, nil, 422},
		{"no integer", "POST", "/things/ab?shop=s&limit=x", good, nil, 422},
		{"too large an integer", "POST", "/things/ab?shop=s&limit=201", good, nil, 422},
		{"no boolean", "POST", "/things/ab?shop=s&only=si", good, nil, 422},
		{"an unknown kind", "POST", "/things/ab?shop=s&kinds=red,blue", good, nil, 422},
		{"too many kinds", "POST", "/things/ab?shop=s&kinds=red,red,red", good, nil, 422},
		{"too short an id", "POST", "/things/a?shop=s", good, nil, 422},
		{"too long a header", "POST", "/things/ab?shop=s", good, http.Header{"X-Trace": {"123456"}}, 422},
		{"no body", "POST", "/things/ab?shop=s", "", nil, 400},
		{"no JSON", "POST", "/things/ab?shop=s", `{"name":`, nil, 400},
		{"no object", "POST", "/things/ab?shop=s", `[]`, nil, 422},
		{"an unknown field", "POST", "/things/ab?shop=s", `{"name":"Ann","age":1}`, nil, 422},
		{"another spelling", "POST", "/things/ab?shop=s", `{"Name":"Ann"}`, nil, 422},
		{"wrong in many places", "POST", "/things/a?limit=0", `{"name":"","colour":"blue","many":0,"parts":[{"size":"x"},{},{}]}`, nil, 422},
		{"a number that does not fit", "POST", "/things/ab?shop=s", `{"name":"Ann","parts":[{"size":999}]}`, nil, 422},
		{"a handler that refuses", "POST", "/things/broken?shop=s", good, nil, 409},
		{"a text", "GET", "/text", "", nil, 200},
		{"a stream", "GET", "/stream", "", nil, 200},
		{"no content", "DELETE", "/things", "", nil, 204},
		{"a type without a name", "GET", "/unnamed?limit=9", "", nil, 200},
		{"English", "POST", "/things/ab", good, http.Header{"Accept-Language": {"en"}}, 422},
		{"any format", "GET", "/unnamed", "", http.Header{"Accept": {"*/*"}}, 200},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			want := ask(theirs, tt.method, tt.path, tt.body, tt.header)
			got := ask(ours, tt.method, tt.path, tt.body, tt.header)
			if want.Code != tt.want {
				t.Errorf("huma answers %d %s, not %d", want.Code, want.Body, tt.want)
			}
			if got.Code != want.Code || got.Body.String() != want.Body.String() {
				t.Errorf("got %d %s\nwant %d %s", got.Code, got.Body, want.Code, want.Body)
			}
			if !reflect.DeepEqual(got.Header(), want.Header()) {
				t.Errorf("got the headers %v, want %v", got.Header(), want.Header())
			}
		})
	}
}

// TestSaidIsSaid holds that a default is for what a body leaves out, and no other value of a false or a 0.
func TestSaidIsSaid(t *testing.T) {
	c := newCompany(t)
	welcome := func(more map[string]any) bool {
		t.Helper()
		body := ofAcme(map[string]any{"scope": "default", "text": "您好"})(c)
		for k, v := range more {
			body[k] = v
		}
		rec := c.do(request{method: "PUT", path: "/api/console/welcomes", token: c.tokens[staff.RoleAdmin], body: body})
		if rec.Code != 200 {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		return decode[struct{ Enabled bool }](t, rec.Body.Bytes()).Enabled
	}
	if !welcome(nil) {
		t.Error("a welcome of which nothing is said is off")
	}
	if welcome(map[string]any{"enabled": false}) {
		t.Error("a welcome that was switched off is on")
	}
	// Keys that may have leaked must not stay valid for a day because nobody heard the 0.
	rotate := func(body map[string]any) *time.Time {
		t.Helper()
		path := "/api/console/accounts/" + c.ids.Of(model.KindAccount, acme) + "/callback-keys"
		if rec := c.do(request{method: "PUT", path: path, token: c.tokens[staff.RoleAdmin], body: body}); rec.Code != 204 {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		var row model.Account
		if err := c.db.Take(&row, acme).Error; err != nil {
			t.Fatal(err)
		}
		return row.OldCallbackUntil
	}
	keys := func(n string) map[string]any {
		return map[string]any{"callback_token": "token" + n, "callback_aes_key": strings.Repeat(n, 43)}
	}
	if until := rotate(keys("1")); until == nil || !until.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("old keys of which nothing is said are valid until %v", until)
	}
	second := keys("2")
	second["old_valid_hours"] = 0
	if until := rotate(second); until != nil && until.After(noon) {
		t.Errorf("old keys that were ended are valid until %v", until)
	}
}

// TestTypesThatNoRouteCanHave holds that a mistake in a type ends the start, not a request.
func TestTypesThatNoRouteCanHave(t *testing.T) {
	route := func(sig signature) (said any) {
		defer func() { said = recover() }()
		engine := gin.New()
		operate(humagin.New(engine, huma.DefaultConfig("t", "1")), huma.Operation{Method: "GET", Path: "/t"}, sig, nil)
		return nil
	}
	type (
		from struct{ Shop string }
		odd  struct {
			Tags map[string]string `query:"tags"`
		}
		wrong struct {
			Body struct {
				Many int `json:"many" default:"x"`
			}
		}
		to struct{ Kind string }
	)
	tests := map[string]signature{
		"nothing says where it comes from": signatureOf(func(context.Context, *from) (*nothing, error) { return nil, nil }),
		"a map":                            signatureOf(func(context.Context, *odd) (*nothing, error) { return nil, nil }),
		"a default of another type":        signatureOf(func(context.Context, *wrong) (*nothing, error) { return nil, nil }),
		"nothing says where it goes":       signatureOf(func(context.Context, *nothing) (*to, error) { return nil, nil }),
	}
	for what, sig := range tests {
		if route(sig) == nil {
			t.Errorf("%s: was taken", what)
		}
	}
	if said := route(signatureOf(func(context.Context, *nothing) (*nothing, error) { return nil, nil })); said != nil {
		t.Errorf("a good one: %v", said)
	}
}
