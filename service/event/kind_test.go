package event

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestEveryKindIsInTheTable reads the package's constants: a kind that the table lacks could not be
// asked about, and nobody would know how long to keep it.
func TestEveryKindIsInTheTable(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Names) != len(spec.Values) {
				return true
			}
			for i, name := range spec.Names {
				value, ok := spec.Values[i].(*ast.BasicLit)
				if !ok || value.Kind != token.STRING || !strings.HasPrefix(name.Name, "Kind") {
					continue
				}
				if kind, _ := strconv.Unquote(value.Value); builtInKinds[kind] == nil {
					t.Errorf("%s: %s is not in the table of kind.go", name.Name, kind)
				}
			}
			return true
		})
	}
}

func TestKindsAreWellFormed(t *testing.T) {
	for _, k := range builtIn {
		if err := k.check(); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
}

// TestMeasuredAsTheTableSays: facts that tell their item and value themselves tell what their JSON and the table of kinds do.
func TestMeasuredAsTheTableSays(t *testing.T) {
	about := CouponFact{CouponID: 7, BatchID: 3, CustomerID: 5, Version: 2}
	use := CouponUseFact{CouponFact: about, UseID: 4, Order: "A1", OffFen: 1234}
	for _, f := range []Fact{CouponIssued{CouponFact: about}, CouponExpiring{CouponFact: about}, CouponExpired{about}, CouponVoided{about}, CouponRedeemed{use}, CouponRolledBack{use}} {
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		var said map[string]json.RawMessage
		if err := json.Unmarshal(text, &said); err != nil {
			t.Fatal(err)
		}
		k := builtInKinds[f.About().Kind]
		item, value := f.(measured).measured()
		if item != itemOf(said[k.Item]) || value != valueOf(said[k.Value]) {
			t.Errorf("%s: %q and %d, its JSON %q and %d", k.Name, item, value, itemOf(said[k.Item]), valueOf(said[k.Value]))
		}
	}
}
