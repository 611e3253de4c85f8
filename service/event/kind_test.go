package event

import (
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
