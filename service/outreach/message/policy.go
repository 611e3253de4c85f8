package message

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Policy is what operators decide about contents.
type Policy struct {
	Revision int64    `json:"-"`        // raised by every change; 0: as it comes with the product
	Absolute []string `json:"absolute"` // absolute claims, which the Advertising Law forbids
	Words    []string `json:"words"`    // sensitive words
	Except   []string `json:"except"`   // words that hold one of the others and are fine
	Hosts    []string `json:"hosts"`    // hosts that may be linked, with all below them
}

func defaultPolicy() *Policy {
	return &Policy{
		Absolute: []string{
			"最好", "最佳", "最优", "最低", "最高", "最强", "最大", "最便宜", "最划算", "最先进", "最安全", "第一", "唯一", "首个", "首选", "顶级", "极品", "国家级", "世界级",
			"全网最", "史上最", "独一无二", "绝无仅有", "百分之百", "100%", "永久", "万能", "绝对", "根治", "零风险", "稳赚",
		},
		Words:  []string{},
		Except: []string{"第一次", "第一时间", "第一步", "最大限度", "最低消费"},
		Hosts:  []string{},
	}
}

// The kinds of findings. Names are data.
const (
	FoundAbsolute = "absolute"
	FoundWord     = "word"
	FoundLink     = "link"
)

// Finding is something in a content that must not be said, or linked, without a second person's consent.
type Finding struct {
	Kind  string `json:"kind"`
	Field string `json:"field"`
	Text  string `json:"text"` // what was found
}

// bare makes a text comparable: what is written between characters to hide a word goes, and full-width letters become plain.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '！' && r <= '～':
			r -= '！' - '!'
		case unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Mn, r):
			return -1
		}
		if strings.ContainsRune("-_*.·|/\\~、，,。", r) {
			return -1
		}
		return unicode.ToLower(r)
	}, text)
}

// webAddress finds addresses in running text, with or without a scheme.
var webAddress = regexp.MustCompile(`(?i)(https?://[^\s"'<>，。！）)]+|\b(?:[a-z0-9-]+\.)+(?:com|cn|net|org|top|xyz|vip|shop|cc|io|me|info|club|site|online|app|link|live|fun|icu|wang|ltd|store|tech|work|pro|mobi|tv|hk|tw|co)\b(?:/[^\s"'<>，。！）)]*)?)`)

// find holds a content against the policy.
func (p *Policy) find(c *Content) []Finding {
	out := []Finding{}
	for _, at := range c.places() {
		if *at.text == "" {
			continue
		}
		if at.address || strings.HasSuffix(at.field, "picture_url") {
			out = append(out, p.links(at.field, *at.text)...)
			continue
		}
		text := bare(*at.text)
		for _, e := range p.Except {
			text = strings.ReplaceAll(text, bare(e), "\n")
		}
		for kind, list := range map[string][]string{FoundAbsolute: p.Absolute, FoundWord: p.Words} {
			for _, w := range list {
				if strings.Contains(text, bare(w)) {
					out = append(out, Finding{kind, at.field, w})
				}
			}
		}
		out = append(out, p.links(at.field, *at.text)...)
	}
	slices.SortFunc(out, func(a, b Finding) int {
		return strings.Compare(a.Field+"\x00"+a.Kind+"\x00"+a.Text, b.Field+"\x00"+b.Kind+"\x00"+b.Text)
	})
	return slices.Compact(out)
}

func (p *Policy) links(field, text string) (out []Finding) {
	for _, link := range webAddress.FindAllString(text, -1) {
		if !p.allows(link) {
			out = append(out, Finding{FoundLink, field, CutChars(link, 100)})
		}
	}
	return out
}

func (p *Policy) allows(link string) bool {
	if !strings.Contains(link, "://") {
		link = "https://" + link
	}
	u, err := url.Parse(link)
	if err != nil || u.User != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	return slices.ContainsFunc(p.Hosts, func(h string) bool { return host == h || strings.HasSuffix(host, "."+h) })
}

var hostShape = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}$`)

func (p *Policy) check() error {
	f := ErrPolicy
	for field, list := range map[string][]string{"absolute": p.Absolute, "words": p.Words, "except": p.Except} {
		if len(list) > 5000 || slices.ContainsFunc(list, func(w string) bool { return bare(w) == "" || utf8.RuneCountInString(w) > 64 }) {
			f = f.With(field, "at most 5000 words of 1 to 64 characters")
		}
	}
	if len(p.Hosts) > 200 || slices.ContainsFunc(p.Hosts, func(h string) bool { return !hostShape.MatchString(h) }) {
		f = f.With("hosts", "at most 200 host names, lower case, such as example.com")
	}
	if len(f.Fields) == 0 {
		return nil
	}
	return f
}

// Policy gives what is in force.
func (s *Service) Policy(ctx context.Context) (*Policy, error) {
	return policyNow(s.DB.WithContext(ctx))
}

func policyNow(tx *gorm.DB) (*Policy, error) {
	row, err := newestPolicy(tx)
	if err != nil || row == nil {
		return defaultPolicy(), err
	}
	p := &Policy{Revision: row.Revision}
	if err := json.Unmarshal([]byte(row.Body), p); err != nil {
		return nil, fmt.Errorf("read the rules for contents: %w", err)
	}
	return p, nil
}

// SavePolicy puts rules in the place of those of their Revision; from then on messages are held against them before each use. It
// fails with ErrPolicy, or ErrPolicyOld when somebody was quicker.
func (s *Service) SavePolicy(ctx context.Context, in Policy, staffID int64) (*Policy, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encode the rules for contents: %w", err)
	}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		newest, err := newestPolicy(tx)
		if err != nil {
			return err
		}
		if newest == nil && in.Revision != 0 || newest != nil && newest.Revision != in.Revision {
			return ErrPolicyOld
		}
		row := &model.MessagePolicy{Revision: in.Revision + 1, Body: string(body), StaffID: staffID, CreatedAt: s.now()}
		if err := insertPolicy(tx, row); model.IsDuplicate(err) {
			return ErrPolicyOld
		} else if err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	in.Revision++
	return &in, nil
}
