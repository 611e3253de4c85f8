package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/wecom"
)

// platform looks at every account: its token, its rights, and its callback address.
func (d Deps) platform(ctx context.Context) []finding {
	if d.DBErr != nil || d.Accounts == nil {
		return nil
	}
	accounts, err := d.Accounts.List(ctx)
	if err != nil {
		return []finding{{"accounts", err, "bring the database in order first"}}
	}
	if len(accounts) == 0 {
		return []finding{{"accounts", errors.New("none is registered"), "register the corp: zhiyin admin account (docs/connect-wecom.md)"}}
	}
	var list []finding
	for _, a := range accounts {
		if a.Enabled {
			list = append(list, d.rights(ctx, a)...)
			if a.Kind == account.KindWeCom {
				list = append(list, d.tickets(ctx, a))
			}
			list = append(list, d.callback(ctx, a))
		}
	}
	return list
}

func (d Deps) rights(ctx context.Context, a model.Account) []finding {
	ctx, cancel := within(ctx)
	defer cancel()
	h, err := d.Gateway.Probe(ctx, a.Name)
	if err != nil {
		return []finding{{"account " + a.Name, err, "set the account's secret again; if the key was changed, restore ZHIYIN_SECRET_KEY"}}
	}
	list := []finding{{"account " + a.Name + ": access token", h.Token, tokenRemedy(h.Token)}}
	for _, r := range h.Rights {
		if r.Err != nil && r.API != "get_jsapi_ticket" { // [Deps.tickets] says what to do about it
			list = append(list, finding{"account " + a.Name + ": right to " + r.API, r.Err, rightRemedy(r)})
		}
	}
	if h.Token == nil && len(list) == 1 && len(h.Rights) > 0 {
		list = append(list, finding{what: fmt.Sprintf("account %s: all %d rights", a.Name, len(h.Rights))})
	}
	return list
}

// tickets looks whether the sidebar's pages can be signed.
func (d Deps) tickets(ctx context.Context, a model.Account) finding {
	ctx, cancel := within(ctx)
	defer cancel()
	corp := d.Gateway.Corp(a.Name)
	_, err := corp.JSTicket(ctx)
	if err == nil {
		_, err = corp.AgentTicket(ctx)
	}
	remedy := "the sidebar will not open: set the app's 可信域名 under 网页授权及JS-SDK in the admin console (docs/connect-wecom.md)"
	if errors.Is(err, wecom.ErrIPNotTrusted) || errors.Is(err, wecom.ErrCredentials) {
		remedy = tokenRemedy(err)
	}
	return finding{"account " + a.Name + ": JS-SDK tickets for pages at " + strings.Join(d.Config.SidebarOrigins(), ", "), err, remedy}
}

func tokenRemedy(err error) string {
	switch {
	case errors.Is(err, wecom.ErrIPNotTrusted):
		return "add this machine's outgoing address to the app's 企业可信IP in the WeCom admin console"
	case errors.Is(err, wecom.ErrCredentials):
		return "copy the corp id and the app's Secret from the WeCom admin console into the account"
	}
	return "look whether the platform is reachable, then try again"
}

func rightRemedy(r wecom.Right) string {
	switch {
	case errors.Is(r.Err, wecom.ErrIPNotTrusted):
		return tokenRemedy(r.Err)
	case strings.HasPrefix(r.API, "externalcontact/"):
		return "in the admin console under 客户联系 → API, add the app to 可调用接口的应用, and its members to 使用范围"
	case errors.Is(r.Err, wecom.ErrNoPermission):
		return "widen the app's 可见范围 in the admin console so that it sees the members who serve customers"
	}
	return "look whether the platform is reachable, then try again"
}

// callback calls our own public address the way the platform verifies it, so it finds a wrong
// address, a proxy that changes queries, and keys that do not match.
func (d Deps) callback(ctx context.Context, a model.Account) finding {
	address := strings.TrimSuffix(d.Config.Server.PublicURL, "/") + "/callback/" + a.Kind + "/" + a.Name
	err := d.verify(ctx, a, address)
	remedy := "check that server.public_url is right, that zhiyin serve runs behind it, and that the proxy hands on query strings unchanged"
	if errors.Is(err, account.ErrNoCallbackKeys) {
		remedy = "set the account's callback token and EncodingAESKey (docs/connect-wecom.md)"
	}
	return finding{"callback address " + address, err, remedy}
}

func (d Deps) verify(ctx context.Context, a model.Account, address string) error {
	ctx, cancel := within(ctx)
	defer cancel()
	keys, row, err := d.Accounts.CallbackKeys(ctx, a.Name)
	if err != nil {
		return err
	}
	echo := rand.Text()
	query, want, err := verification(keys[0], row, echo, strconv.FormatInt(d.Now().Unix(), 10))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the address in it holds the signature
		}
		return err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, 1024))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || string(got) != want {
		return fmt.Errorf("it answered %s and not the echo", res.Status)
	}
	return nil
}

// verification makes the query with which the platform verifies a callback address, and the answer
// that it expects.
func verification(k account.KeySet, a *model.Account, echo, timestamp string) (url.Values, string, error) {
	c, err := wecom.NewCrypto(k.Token.Reveal(), k.AESKey.Reveal(), a.PlatformID)
	if err != nil {
		return nil, "", err
	}
	nonce := rand.Text()[:10]
	q := url.Values{"timestamp": {timestamp}, "nonce": {nonce}}
	if a.Kind == account.KindMiniApp {
		q.Set("echostr", echo)
		q.Set("signature", c.Sign(timestamp, nonce, "")) // the mini-program platform signs no content here
		return q, echo, nil
	}
	sealed := c.Encrypt([]byte(echo))
	q.Set("echostr", sealed)
	q.Set("msg_signature", c.Sign(timestamp, nonce, sealed))
	return q, echo, nil
}
