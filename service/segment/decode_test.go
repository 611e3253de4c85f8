package segment

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"zhiyin/model"
	"zhiyin/service/fault"
)

var known = &Vocabulary{custom: map[string]model.CustomField{
	"size":   {ID: 1, Name: "size", Kind: "choice", Choices: `["S","M"]`},
	"height": {ID: 2, Name: "height", Kind: "number"},
	"secret": {ID: 3, Name: "secret", Kind: "text", Sealed: true},
}}

func TestS49_DecodeRefusesAndNamesThePlace(t *testing.T) {
	deep := strings.Repeat(`{"not":`, 8) + `{"field":"city","op":"filled"}` + strings.Repeat("}", 8)
	wide := `{"all":[` + strings.TrimSuffix(strings.Repeat(`{"field":"city","op":"filled"},`, 50), ",") + `]}`
	for _, tt := range []struct{ raw, place string }{
		{``, "rule"},
		{`[]`, "rule"},
		{`null`, "rule"},
		{`{}`, "rule"},
		{`{"all":[],"any":[]}`, "rule"},
		{`{"all":[],"op":"is"}`, "rule"},
		{`{"any":[]}`, "rule.any"},
		{`{"all":null}`, "rule.all"},
		{`{"all":{}}`, "rule.all"},
		{`{"ALL":[]}`, "rule"},
		{`{"all":[{"not":{"field":"nobody","op":"is"}}]}`, "rule.all[0].not.field"},
		{`{"field":7,"op":"is"}`, "rule.field"},
		{`{"field":"city","op":"sounds_like","values":["x"]}`, "rule.op"},
		{`{"field":"city","op":"is"}`, "rule.values"},
		{`{"field":"city","op":"is","values":[]}`, "rule.values"},
		{`{"field":"city","op":"is","values":[""]}`, "rule.values[0]"},
		{`{"field":"city","op":"is","values":["a","b\u0000c"]}`, "rule.values[1]"},
		{`{"field":"city","op":"is","values":["` + strings.Repeat("长", 256) + `"]}`, "rule.values[0]"},
		{`{"field":"city","op":"is","values":[{"$ne":null}]}`, "rule.values[0]"},
		{`{"field":"city","op":"is","values":[7]}`, "rule.values[0]"},
		{`{"field":"city","op":"filled","values":["x"]}`, "rule.values"},
		{`{"field":"city","op":"is","values":["x"],"window":{"last_days":3}}`, "rule.window"},
		{`{"field":"city","op":"is","values":["x"],"where":[{"property":"a","op":"is","values":["b"]}]}`, "rule.where[0].property"},
		{`{"field":"gender","op":"is","values":["robot"]}`, "rule.values[0]"},
		{`{"field":"tag","op":"any","values":["0"]}`, "rule.values[0]"},
		{`{"field":"tag","op":"any","values":["1 OR 1=1"]}`, "rule.values[0]"},
		{`{"field":"order.count","op":"at_least","values":[1.5]}`, "rule.values[0]"},
		{`{"field":"order.count","op":"at_least","values":["1"]}`, "rule.values[0]"},
		{`{"field":"order.count","op":"at_least","values":[1e30]}`, "rule.values[0]"},
		{`{"field":"order.count","op":"at_least","values":[9223372036854775807]}`, "rule.values[0]"},
		{`{"field":"order.count","op":"between","values":[3,1]}`, "rule.values"},
		{`{"field":"order.count","op":"at_least","values":[1],"window":{}}`, "rule.window"},
		{`{"field":"order.count","op":"at_least","values":[1],"window":{"last_days":3,"next_days":3}}`, "rule.window"},
		{`{"field":"order.count","op":"at_least","values":[1],"window":{"last_days":-3}}`, "rule.window"},
		{`{"field":"order.count","op":"at_least","values":[1],"window":{"last_days":3,"skip_days":3}}`, "rule.window"},
		{`{"field":"order.count","op":"at_least","values":[1],"window":{"last_days":"3"}}`, "rule.window"},
		{`{"field":"order.count","op":"at_least","values":[1],"window":{"since":"1=1"}}`, "rule.window"},
		{`{"field":"order.count","op":"at_least","values":[1],"window":{"from":"2026-02-30"}}`, "rule.window"},
		{`{"field":"order.count","op":"at_least","values":[1],"window":{"from":"2026-02-02","to":"2026-02-01"}}`, "rule.window"},
		{`{"field":"order.count","op":"at_least","values":[1],"window":{"period":"forever"}}`, "rule.window"},
		{`{"field":"order.count","op":"at_least","values":[1],"where":[{"property":"shop","op":"is","values":["a"],"or":1}]}`, "rule.where[0]"},
		{`{"field":"order.count","op":"at_least","values":[1],"where":[{"property":"shop","op":"empty"}]}`, "rule.where[0].op"},
		{`{"field":"order.last","op":"in"}`, "rule.window"},
		{`{"field":"birthday","op":"in","window":{"period":"this_year"}}`, "rule.window"},
		{`{"field":"birthday","op":"in","window":{"skip_days":3}}`, "rule.window"},
		{`{"field":"birthday","op":"in","window":{"last_hours":3}}`, "rule.window"},
		{`{"field":"event.","op":"did"}`, "rule.field"},
		{`{"field":"event.x' OR '1","op":"did"}`, "rule.field"},
		{`{"field":"event.view","op":"did","where":[{"property":"text.a\"]','1","op":"is","values":["b"]}]}`, "rule.where[0].property"},
		{`{"field":"event.view","op":"did","where":[{"property":"text","op":"is","values":["b"]}]}`, "rule.where[0].property"},
		{`{"field":"share.A B","op":"between","values":[0,1]}`, "rule.field"},
		{`{"field":"custom.nobody","op":"filled"}`, "rule.field"},
		{`{"field":"custom.secret","op":"filled"}`, "rule.field"},
		{`{"field":"custom.size","op":"is","values":["XL"]}`, "rule.values[0]"},
		{`{"field":"custom.height","op":"at_least","values":[1.23456]}`, "rule.values[0]"},
		{`{"field":"custom","op":"filled"}`, "rule.field"},
		{deep, "rule" + strings.Repeat(".not", 8)},
		{wide, "rule.all[49]"},
		{strings.Repeat(`{"all":[`, 100000), "rule"},
		{`{"all":[` + strings.Repeat(" ", MaxBytes) + `]}`, "rule"},
		{"{\"field\":\"city\",\"op\":\"is\",\"values\":[\"\xff\"]}", "rule"},
	} {
		_, err := Decode([]byte(tt.raw), rowIDs{}, known)
		f := fault.Of(err)
		if !errors.Is(err, ErrRule) || f == nil || len(f.Fields) != 1 || f.Fields[0].Name != tt.place {
			t.Errorf("%.200s: got %v, want a fault at %s", tt.raw, err, tt.place)
		}
	}
	if _, err := Decode([]byte(strings.Replace(deep, `{"not":`, "", 1)[:len(deep)-len(`{"not":`)-1]), rowIDs{}, known); err != nil {
		t.Errorf("eight deep: %v", err)
	}
}

// TestV01_V02_NoValueBecomesText: whatever stands in a rule, the statement is one that other values give as well.
func TestV01_V02_NoValueBecomesText(t *testing.T) {
	payloads := []string{"' OR '1'='1", `"; DROP TABLE customer; --`, "1) OR (1=1", "?", "%s", "\\'", "/*", "🙂'", "a' UNION SELECT token_hash FROM session --"}
	e := &Env{Now: noon, Zone: shanghai, Known: known}
	tree := func(v string) string {
		inner := fmt.Sprintf(`{"any":[{"field":"city","op":"is","values":[%[1]q]},{"field":"name","op":"contains","values":[%[1]q]},
			{"field":"event.view","op":"did","where":[{"property":"item","op":"begins","values":[%[1]q]},{"property":"text.colour","op":"is","values":[%[1]q]}]},
			{"field":"order.count","op":"at_least","values":[2],"where":[{"property":"shop","op":"is_not","values":[%[1]q]}]}]}`, v)
		for range 5 {
			inner = `{"not":` + inner + `}`
		}
		return inner
	}
	statement := func(raw string) string {
		r, err := Decode([]byte(raw), rowIDs{}, known)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		q, err := e.Select(r, Scope{})
		if err != nil || strings.Count(q.SQL, "?") != len(q.Args) {
			t.Fatalf("%d marks for %d parameters: %v\n%s", strings.Count(q.SQL, "?"), len(q.Args), err, q.SQL)
		}
		return q.SQL
	}
	want := statement(tree("x"))
	for _, p := range payloads {
		if got := statement(tree(p)); got != want {
			t.Errorf("%q changes the statement:\n%s\n%s", p, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"all":[{"field":"city","op":"is","values":["x"]},{"not":{"field":"event.view","op":"at_least","values":[3],"window":{"last_days":7}}}]}`))
	f.Add([]byte(`{"field":"share.a","op":"between","values":[0,100]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Decode(raw, rowIDs{}, known)
		if err != nil {
			if !errors.Is(err, ErrRule) {
				t.Fatal(err)
			}
			return
		}
		q, err := (&Env{Now: noon, Zone: shanghai, Known: known}).Select(r, Scope{})
		if err != nil || strings.Count(q.SQL, "?") != len(q.Args) || strings.ContainsAny(q.SQL, ";\"`") || len(conditionShape.FindString(q.SQL)) != len(q.SQL) {
			t.Fatalf("%s: %v\n%s", raw, err, q.SQL)
		}
	})
}

// conditionShape is what statements are made of: words, marks, and the few texts of the registry in quotes.
var conditionShape = regexp.MustCompile(`^([A-Za-z0-9_.,()=<>*%+ ?$-]|'(active|cancelled|!|STRING|INTEGER|UNSIGNED INTEGER|DOUBLE|DECIMAL)?')*$`)
