package account

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"zhiyin/service/fault"
)

// The kinds of accounts.
const (
	KindWeCom   = "wecom"
	KindMiniApp = "miniapp"
)

var (
	nameShape   = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	corpIDShape = regexp.MustCompile(`^w[wx][0-9A-Za-z]{16}$`)
	appIDShape  = regexp.MustCompile(`^wx[0-9a-z]{16}$`)
	secretShape = regexp.MustCompile(`^[0-9A-Za-z_-]{16,128}$`)
	tokenShape  = regexp.MustCompile(`^[0-9A-Za-z]{1,32}$`)
	aesKeyShape = regexp.MustCompile(`^[0-9A-Za-z]{43}$`)
)

const maxTitle = 64 // characters

// check gathers every wrong field, so that a form shows them all at once.
type check struct{ found *fault.Fault }

func (c *check) that(ok bool, field, reason string) {
	if ok {
		return
	}
	if c.found == nil {
		c.found = ErrInvalid
	}
	c.found = c.found.With(field, reason)
}

func (c *check) err() error {
	if c.found == nil {
		return nil
	}
	return c.found
}

func (c *check) name(s string) {
	c.that(nameShape.MatchString(s), "name", "1–32 个小写字母、数字或连字符 / 1–32 lower-case letters, digits or hyphens")
}

func (c *check) title(s string) {
	ok := strings.TrimSpace(s) != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= maxTitle && !strings.ContainsFunc(s, isControl)
	c.that(ok, "title", "1–64 个字符 / 1–64 characters")
}

func (c *check) kind(s string) {
	c.that(s == KindWeCom || s == KindMiniApp, "kind", "wecom 或 miniapp / wecom or miniapp")
}

func (c *check) platformID(kind, s string) {
	if kind == KindMiniApp {
		c.that(appIDShape.MatchString(s), "platform_id", "小程序 AppID：wx 开头共 18 位 / app id: wx and 16 more letters or digits")
		return
	}
	c.that(corpIDShape.MatchString(s), "platform_id", "企业 ID：ww 或 wx 开头共 18 位 / corp id: ww or wx and 16 more letters or digits")
}

func (c *check) agentID(kind string, id int64) {
	if kind == KindMiniApp {
		c.that(id == 0, "agent_id", "小程序没有 AgentID / a mini-program has no agent id")
		return
	}
	c.that(id > 0, "agent_id", "自建应用的 AgentID，如 1000002 / the agent id of the self-built app, such as 1000002")
}

func (c *check) secret(s string) {
	c.that(secretShape.MatchString(s), "secret", "16–128 个字母、数字、- 或 _ / 16–128 letters, digits, - or _")
}

func (c *check) callbackKeys(token, aesKey string) {
	c.that(tokenShape.MatchString(token), "callback_token", "1–32 个字母或数字 / 1–32 letters or digits")
	c.that(aesKeyShape.MatchString(aesKey), "callback_aes_key", "EncodingAESKey：43 个字母或数字 / EncodingAESKey: 43 letters or digits")
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
