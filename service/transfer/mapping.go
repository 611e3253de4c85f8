package transfer

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/width"

	"zhiyin/service/fault"
)

// suggest maps the columns of a file by their headings; an empty key leaves a column out.
func suggest(header []string, columns []Column) []string {
	mapping := make([]string, len(header))
	taken := map[string]bool{}
	for i, heading := range header {
		for _, c := range columns {
			if !taken[c.Key] && c.isCalled(heading) {
				mapping[i], taken[c.Key] = c.Key, true
				break
			}
		}
	}
	return mapping
}

func (c Column) isCalled(heading string) bool {
	is := func(name string) bool { return name != "" && plainHeading(name) == plainHeading(heading) }
	return is(c.Key) || is(c.Zh) || is(c.En) || slices.ContainsFunc(c.Aliases, is)
}

// plainHeading leaves out what people write differently.
func plainHeading(s string) string {
	s = strings.ToLower(width.Narrow.String(s))
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _-*:()（）：\t\u00a0\ufeff", r) {
			return -1
		}
		return r
	}, s)
}

// checkMapping refuses a mapping that names unknown columns, one twice, or leaves out one that must be there.
func checkMapping(mapping []string, width int, columns []Column) error {
	problem := fault.Of(ErrMapping)
	if len(mapping) != width {
		return problem.With("mapping", fmt.Sprintf("文件有 %d 列 / the file has %d columns", width, width))
	}
	wrong := problem
	seen := map[string]bool{}
	for i, key := range mapping {
		field := fmt.Sprintf("mapping[%d]", i)
		switch {
		case key == "":
		case !slices.ContainsFunc(columns, func(c Column) bool { return c.Key == key }):
			wrong = wrong.With(field, "没有这一列 / there is no such column")
		case seen[key]:
			wrong = wrong.With(field, "对应了两次 / mapped twice")
		}
		seen[key] = true
	}
	for _, c := range columns {
		if c.Required && !seen[c.Key] {
			wrong = wrong.With("mapping", fmt.Sprintf("缺少必需的列“%s” / the required column %q is missing", c.Zh, c.Key))
		}
	}
	if len(wrong.Fields) > 0 {
		return wrong
	}
	return nil
}
