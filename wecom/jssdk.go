package wecom

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// PageSignature lets a page use the JS-SDK: what wx.config, ww.register and agentConfig take.
type PageSignature struct {
	Timestamp int64  // seconds since 1970
	Nonce     string // noncestr
	Signature string
}

// SignPage signs the address of a page, of which what follows a # is no part.
// Platform documentation, JS-SDK 使用权限签名算法.
func (t *Ticket) SignPage(address string, at time.Time) PageSignature {
	return t.sign(address, rand.Text(), at.Unix())
}

func (t *Ticket) sign(address, nonce string, seconds int64) PageSignature {
	address, _, _ = strings.Cut(address, "#")
	sum := sha1.Sum(fmt.Appendf(nil, "jsapi_ticket=%s&noncestr=%s&timestamp=%s&url=%s", t.Value.Reveal(), nonce, strconv.FormatInt(seconds, 10), address))
	return PageSignature{seconds, nonce, hex.EncodeToString(sum[:])}
}
