package acquisition

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseKnowsOnlyTheList(t *testing.T) {
	tests := []struct {
		text string
		ok   bool
	}{
		{"你好", true}, {"", true}, {"你好{{客户昵称}}！", true}, {"{{ 客户昵称 }}", true}, {"{{渠道}}{{企业}}{{员工姓名}}{{员工别名}}", true},
		{"{{客户昵称|亲}}", true}, {"{{客户昵称|{{渠道}}}}", false}, {"{{客户昵称|a|b}}", false}, {"{{券码}}", false},
		{"一个 { 括号 } 没有意思", true}, {"}}", true},
		{"{{nickname}}", false}, {"{{}}", false}, {"{{客户昵称", false}, {"{{客户昵称}", false}, {"{{.}}", false},
		{`{{env "HOME"}}`, false}, {"{{range .}}x{{end}}", false}, {"{{{{客户昵称}}}}", false}, {"{{客户昵称}}{{", false},
	}
	for _, tt := range tests {
		if _, err := parse(tt.text); (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrUnknownVariable) {
			t.Errorf("parse(%q): got %v, want ok %v", tt.text, err, tt.ok)
		}
	}
}

func TestFill(t *testing.T) {
	known := values{"小明", "张三", "阿三", "门店海报", "知音商店"}
	hostile := values{customer: "{{企业}}{{env}}<script>\n", corp: "知音商店"}
	tests := []struct {
		text string
		v    values
		want string
	}{
		{"{{客户昵称}}你好，我是{{企业}}的{{员工姓名}}（{{员工别名}}），你来自{{渠道}}", known, "小明你好，我是知音商店的张三（阿三），你来自门店海报"},
		{"{{客户昵称}}你好，我是{{企业}}的{{员工姓名}}{{渠道}}", values{}, "朋友你好，我是我们的我"},
		{"{{员工姓名}}/{{员工别名}}", values{alias: "阿三"}, "阿三/阿三"},
		{"{{员工姓名}}/{{员工别名}}", values{staff: "张三"}, "张三/张三"},
		{"hi {{客户昵称}}", hostile, "hi {{企业}}{{env}}＜script＞ "}, // as in every message
		{"{{客户昵称|亲}}你好", values{}, "亲你好"},
		{"{{客户昵称|亲}}你好", known, "小明你好"},
		{"{{渠道|}}好 }}", values{}, "好 }}"},
	}
	for _, tt := range tests {
		pieces, err := parse(tt.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := fill(pieces, tt.v); got != tt.want {
			t.Errorf("fill(%q): got %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestFillNeverGrowsPastWhatWasAccepted(t *testing.T) {
	pieces, err := parse("a{{客户昵称}}b{{渠道}}c{{企业|" + strings.Repeat("好", 100) + "}}")
	if err != nil {
		t.Fatal(err)
	}
	got := fill(pieces, values{customer: strings.Repeat("<", 500), channel: strings.Repeat("x", 500)})
	if len(got) > longest(pieces) || !utf8.ValidString(got) {
		t.Errorf("got %d bytes, valid %v, want at most %d", len(got), utf8.ValidString(got), longest(pieces))
	}
}

func TestFillRemark(t *testing.T) {
	tests := []struct {
		name, pattern string
		v             values
		want          string
	}{
		{"plain", "{{渠道}}-{{客户昵称}}", values{customer: "小明", channel: "门店"}, "门店-小明"},
		{"a long name gives way", "{{客户昵称}}-{{渠道}}", values{customer: strings.Repeat("名", 30), channel: "门店"}, strings.Repeat("名", 17) + "-门店"},
		{"exactly twenty", "{{客户昵称}}-{{渠道}}", values{customer: strings.Repeat("名", 17), channel: "门店"}, strings.Repeat("名", 17) + "-门店"},
		{"twice", "{{客户昵称}}{{客户昵称}}", values{customer: strings.Repeat("名", 30)}, strings.Repeat("名", 20)},
		{"the rest alone is too long", "{{渠道}}{{客户昵称}}", values{customer: "小明", channel: strings.Repeat("渠", 25)}, strings.Repeat("渠", 20)},
		{"name not known", "{{客户昵称}}-{{渠道}}", values{channel: "门店"}, ""},
		{"no name asked for", "来自{{渠道}}", values{channel: "门店"}, "来自门店"},
		{"the author says what instead", "{{渠道|线下}}", values{}, "线下"},
		{"nothing known", "{{渠道}}", values{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pieces, err := parse(tt.pattern)
			if err != nil {
				t.Fatal(err)
			}
			if got := fillRemark(pieces, tt.v); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
