package segment

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTheDocumentIsTheRegistry writes the tables of docs/segments.md; with UPDATE_DOCS set it stores them.
func TestTheDocumentIsTheRegistry(t *testing.T) {
	const path = "../../docs/segments.md"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := string(raw)
	for name, table := range map[string]string{"questions": questionsTable(), "fields": fieldsTable()} {
		section := regexp.MustCompile(`(?s)<!-- ` + name + ` -->\n.*?<!-- end -->`)
		if !section.MatchString(want) {
			t.Fatalf("%s has no section %s", path, name)
		}
		want = section.ReplaceAllLiteralString(want, "<!-- "+name+" -->\n\n"+table+"\n<!-- end -->")
	}
	if os.Getenv("UPDATE_DOCS") != "" {
		err = os.WriteFile(path, []byte(want), 0o644)
	}
	if err != nil || string(raw) != want && os.Getenv("UPDATE_DOCS") == "" {
		t.Errorf("%s is not what the registry says; run this test with UPDATE_DOCS=1: %v", path, err)
	}
}

func questionsTable() string {
	var b strings.Builder
	b.WriteString("| type | op | values | asks |\n|---|---|---|---|\n")
	for _, kind := range []Type{Text, Number, Decimal, Money, Choices, Moment, Day, Anniversary, Reference, Names, Happening, Share} {
		for _, o := range kind.Ops() {
			count := fmt.Sprint(o.Min)
			if o.Max > o.Min {
				count = fmt.Sprintf("%d … %d", o.Min, o.Max)
			}
			if o.Window == Always {
				count += ", window"
			}
			fmt.Fprintf(&b, "| %s | `%s` | %s | %s · %s |\n", kind, o.Name, count, o.Zh, o.En)
		}
	}
	return b.String()
}

func fieldsTable() string {
	var b strings.Builder
	for _, g := range Groups {
		fmt.Fprintf(&b, "**%s · %s**\n\n| field | | type | filters (`where`) |\n|---|---|---|---|\n", g.Zh, g.En)
		for _, f := range fields {
			if f.Group != g.Value {
				continue
			}
			name, kind := f.Name, string(f.Type)
			if f.About {
				name += ".…"
			}
			if f.Name == "custom" {
				kind = "as defined"
			}
			if f.Windowed {
				kind += ", window"
			}
			filters := names(f.Where, func(p Property) string {
				if p.Prefix {
					return "`" + p.Name + ".…`"
				}
				return "`" + p.Name + "`"
			})
			fmt.Fprintf(&b, "| `%s` | %s · %s | %s | %s |\n", name, f.Zh, f.En, kind, filters)
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestEveryFieldIsWhole: an entry that the builder, the documents or the timer could not use would be noticed late.
func TestEveryFieldIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range fields {
		if seen[f.Name] || f.Name == "" || f.Zh == "" || f.En == "" || len(f.Facts) == 0 && f.Type != Share && f.Type != Happening || choiceOf(Groups, f.Group) < 0 {
			t.Errorf("%q: taken, or without title, group or facts", f.Name)
		}
		seen[f.Name] = true
		if len(f.Type.Ops()) == 0 || (f.Type == Reference) != (f.Ref != 0) {
			t.Errorf("%s: the type %s has no questions, or its ids no kind", f.Name, f.Type)
		}
		if f.Windowed && f.from.at == "" && f.Type != Happening {
			t.Errorf("%s: has windows and no time", f.Name)
		}
		for _, p := range f.Where {
			if !p.Prefix && p.column == "" || slices.Contains([]Type{Day, Moment, Anniversary, Happening, Names}, p.Type) {
				t.Errorf("%s: the property %s can't be asked about", f.Name, p.Name)
			}
		}
	}
}
