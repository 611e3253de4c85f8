package message

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// bounds is what a channel's platform takes; 0: no bound of its own. See the platform's documentation of each.
type bounds struct {
	textBytes, textChars  int
	subjectChars          int
	attachments           int
	linkTitle             int    // bytes
	needs                 []Kind // at least one of them
	cardTitle, cardText   int    // characters
	cardButton, cardLines int
}

// channels is the one table of what the channels' platforms take.
var channels = map[string]bounds{
	"mass":       {textBytes: 4000, attachments: 9, linkTitle: 128, needs: []Kind{KindText, KindImage, KindLink, KindMiniApp, KindVideo, KindFile}},
	"group_mass": {textBytes: 4000, attachments: 9, linkTitle: 128, needs: []Kind{KindText, KindImage, KindLink, KindMiniApp, KindVideo, KindFile}},
	"task":       {textBytes: 4000, attachments: 9, linkTitle: 128, needs: []Kind{KindText, KindImage, KindLink, KindMiniApp, KindVideo, KindFile}},
	"moment":     {textChars: 2000, attachments: 9, linkTitle: 64, needs: []Kind{KindText, KindImage, KindLink, KindVideo}},
	"app":        {textBytes: 2048, cardTitle: 128, cardText: 512, cardButton: 4, cardLines: 6, needs: []Kind{KindText, KindCard}},
	"kf":         {textBytes: 2048, attachments: 5, linkTitle: 128, needs: []Kind{KindText, KindImage, KindLink, KindMiniApp}},
	"inbox":      {textChars: 4000, subjectChars: 64, attachments: 9, linkTitle: 128, cardTitle: 128, cardText: 512, cardButton: 8, cardLines: 10, needs: []Kind{KindText, KindCard}},
	"subscribe":  {needs: []Kind{KindSubscribe}},
	"sms":        {textChars: 500, needs: []Kind{KindText}},
	"email":      {textBytes: 60_000, subjectChars: 200, needs: []Kind{KindText}},
}

// Channels lists the names of the channels that messages can be written for.
func Channels() []string {
	var out []string
	for name := range channels {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// What holds whatever the channel.
const (
	mostText    = 60_000 // bytes
	mostSubject = 200    // characters
	mostAddress = 2048   // bytes
	mostTitle   = 128    // bytes, of a link
	mostSummary = 512    // bytes, of a link
	mostPage    = 1024   // bytes
	mostLines   = 10
)

var (
	appIDShape   = regexp.MustCompile(`^wx[0-9a-zA-Z]{8,30}$`)
	keywordShape = regexp.MustCompile(`^([a-z_]+)\d{1,3}$`)
)

// keywordChars is how long the keywords of a subscribe message may be, by the class that their name begins with; platform
// documentation, 小程序, 订阅消息.
var keywordChars = map[string]int{
	"thing": 20, "number": 32, "letter": 32, "symbol": 5, "character_string": 32, "time": 32, "date": 32, "amount": 16, "phone_number": 17,
	"car_number": 8, "name": 10, "phrase": 5, "enum": 20, "short_thing": 5, "const": 20,
}

// checker gathers everything that is wrong with a content.
type checker struct {
	*parsed
	wrongs []wrong
}

type wrong struct{ field, reason string }

func (k *checker) add(bad bool, field, reason string) {
	if bad {
		k.wrongs = append(k.wrongs, wrong{field, reason})
	}
}

// size is how long the text of a place can become.
func (k *checker) size(text string) (chars, bytes int) {
	pieces, err := Parse(text, isVariable)
	if err != nil {
		return 0, 0 // told of already
	}
	return longest(pieces)
}

func (k *checker) within(field, text string, leastChars, mostChars, mostBytes int) {
	chars, bytes := k.size(text)
	switch {
	case leastChars > 0 && text == "":
		k.add(true, field, "不能为空 / must not be empty")
	case !utf8.ValidString(text):
		k.add(true, field, "not UTF-8")
	case mostChars > 0 && chars > mostChars:
		k.add(true, field, fmt.Sprintf("最多 %d 个字，变量按最长计算，现为 %d / at most %d characters with the longest values, now %d", mostChars, chars, mostChars, chars))
	case mostBytes > 0 && bytes > mostBytes:
		k.add(true, field, fmt.Sprintf("最多 %d 字节，变量按最长计算，现为 %d / at most %d bytes with the longest values, now %d", mostBytes, bytes, mostBytes, bytes))
	}
}

// check holds a content against what holds everywhere, and against the bounds of the channels it is written for. media gives the kind
// of each file.
func (k *checker) check(list []string, media map[int64]string) {
	c := &k.content
	k.add(len(c.Kinds()) == 0, "text", "不能什么都没有 / there has to be something")
	k.within("text", c.Text, 0, 0, mostText)
	k.within("subject", c.Subject, 0, mostSubject, 0)
	k.add(len(c.Attachments) > 9, "attachments", "at most 9")
	for i := range c.Attachments {
		k.attachment(&c.Attachments[i], fmt.Sprintf("attachments[%d].", i), media)
	}
	if c.Card != nil {
		k.card(c.Card)
	}
	if c.Subscribe != nil {
		k.subscription(c.Subscribe)
	}
	k.fallbacks()
	k.add(len(list) == 0, "channels", "至少一个渠道 / at least one channel")
	for _, name := range list {
		b, ok := channels[name]
		if !ok {
			k.add(true, "channels", "没有这个渠道 / no such channel: "+CutChars(name, 32))
			continue
		}
		k.fits(name, b)
	}
}

func (k *checker) attachment(a *Attachment, at string, media map[int64]string) {
	has := func(kind Kind) {
		k.add(a.MediaID == 0 || media[a.MediaID] != string(kind), at+"media_id", "needs an uploaded "+string(kind))
	}
	switch a.Kind {
	case KindImage, KindVideo, KindFile:
		has(a.Kind)
	case KindLink:
		k.within(at+"title", a.Title, 1, 0, mostTitle)
		k.within(at+"description", a.Description, 0, 0, mostSummary)
		k.address(at+"url", a.URL)
		if a.PictureURL != "" {
			k.address(at+"picture_url", a.PictureURL)
		}
	case KindMiniApp:
		has(KindImage)
		k.within(at+"title", a.Title, 1, 0, 64)
		k.within(at+"page", a.Page, 1, 0, mostPage)
		k.add(!appIDShape.MatchString(a.AppID), at+"app_id", "wx…")
	default:
		k.add(true, at+"kind", "image, video, file, link, miniapp")
	}
}

// address holds that an address is one of the web whose host no value can change.
func (k *checker) address(field, text string) {
	pieces, err := Parse(text, isVariable)
	if err != nil || wholly(pieces) {
		return
	}
	k.within(field, text, 1, 0, mostAddress)
	fixed := text
	if len(pieces) > 0 && pieces[0].Literal != "" {
		fixed = pieces[0].Literal
	}
	u, err := url.Parse(fixed)
	bad := err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(pieces) > 0 && pieces[0].Variable != ""
	if !bad && len(pieces) > 1 && !strings.ContainsAny(strings.TrimPrefix(fixed, u.Scheme+"://"), "/?#") {
		bad = true
	}
	k.add(bad, field, "以 https:// 开头，变量只能放在路径和参数里 / begins with https://, variables only in path and query, or {{"+VarLink+"}} alone")
}

func (k *checker) card(c *Card) {
	k.within("card.title", c.Title, 1, 128, 0)
	k.within("card.description", c.Description, 0, 512, 0)
	k.within("card.button", c.Button, 0, 8, 0)
	if c.URL != "" {
		k.address("card.url", c.URL)
	}
	k.add(len(c.Fields) > mostLines, "card.fields", fmt.Sprintf("at most %d", mostLines))
	for i, f := range c.Fields {
		k.within(fmt.Sprintf("card.fields[%d].name", i), f.Name, 1, 16, 0)
		k.within(fmt.Sprintf("card.fields[%d].value", i), f.Value, 1, 64, 0)
	}
}

func (k *checker) subscription(s *Subscription) {
	k.add(s.TemplateID == "" || len(s.TemplateID) > 64, "subscribe.template_id", "1 to 64 bytes")
	k.within("subscribe.page", s.Page, 0, 0, mostPage)
	k.add(len(s.Data) == 0 || len(s.Data) > 5, "subscribe.data", "1 to 5 keywords")
	for i, f := range s.Data {
		field := fmt.Sprintf("subscribe.data[%d]", i)
		m := keywordShape.FindStringSubmatch(f.Name)
		if m == nil || keywordChars[m[1]] == 0 {
			k.add(true, field+".name", "the keyword's name at the platform, such as thing1")
			continue
		}
		// The platform takes no empty and no long keywords: a longer value is cut when it is put in, what the author wrote is not.
		k.add(f.Value == "" || strings.ContainsAny(f.Value, "\r\n"), field+".value", "one line, not empty")
		pieces, err := Parse(f.Value, isVariable)
		if err != nil {
			continue // told of already
		}
		written, sure := 0, false
		for _, p := range pieces {
			written += utf8.RuneCountInString(p.Literal)
			sure = sure || strings.TrimSpace(p.Literal) != "" || p.Fallback != "" || p.Variable != "" && !p.HasFallback
		}
		k.add(written > keywordChars[m[1]], field+".value", fmt.Sprintf("at most %d characters", keywordChars[m[1]]))
		k.add(!sure, field+".value", "替代文字不能为空 / the fallback must not be empty")
	}
}

// fallbacks holds that the author has said what to write where a value may be missing.
func (k *checker) fallbacks() {
	for i, at := range k.content.places() {
		for _, p := range k.pieces[i] {
			if v, _ := variableNamed(p.Variable); p.Variable != "" && v.Source != FromPlanner && !p.HasFallback {
				k.add(true, at.field, "{{"+p.Variable+"}} 需要写明没有值时的替代文字 / needs a fallback: {{"+p.Variable+"|…}}")
			}
		}
	}
}

// fits holds the content against a channel's bounds; kinds that it can't carry it leaves out.
func (k *checker) fits(name string, b bounds) {
	c := &k.content
	about := func(field string) string { return field + "@" + name }
	k.add(!slices.ContainsFunc(c.Kinds(), func(x Kind) bool { return slices.Contains(b.needs, x) }), "channels", name+": 没有该渠道能发的内容 / nothing that it can carry")
	if slices.Contains(b.needs, KindText) {
		k.within(about("text"), c.Text, 0, b.textChars, b.textBytes)
	}
	if b.subjectChars > 0 {
		k.within(about("subject"), c.Subject, 0, b.subjectChars, 0)
	}
	k.add(name == "email" && c.Subject == "", about("subject"), "邮件需要主题 / an e-mail needs a subject")
	k.add(b.attachments > 0 && len(c.Attachments) > b.attachments, about("attachments"), fmt.Sprintf("at most %d", b.attachments))
	for i, a := range c.Attachments {
		if b.linkTitle > 0 && a.Kind == KindLink {
			k.within(about(fmt.Sprintf("attachments[%d].title", i)), a.Title, 0, 0, b.linkTitle)
		}
	}
	if c.Card != nil && b.cardTitle > 0 {
		k.within(about("card.title"), c.Card.Title, 0, b.cardTitle, 0)
		k.within(about("card.description"), c.Card.Description, 0, b.cardText, 0)
		k.within(about("card.button"), c.Card.Button, 0, b.cardButton, 0)
		k.add(len(c.Card.Fields) > b.cardLines, about("card.fields"), fmt.Sprintf("at most %d", b.cardLines))
	}
}
