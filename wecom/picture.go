package wecom

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// pictureHosts are where WeChat and WeCom keep pictures.
var pictureHosts = []string{"qpic.cn", "qlogo.cn"}

const (
	maxPicture  = 1 << 20
	pictureTime = 5 * time.Second
)

var errPicture = errors.New("wecom: no picture of the platform's")

// Picture reads a picture whose address the platform gave in an answer, such as a contact way's QR code: at most 1 MB, by
// https, from where WeChat keeps pictures; or from where the platform is said to be, when that is elsewhere.
func (g *Gateway) Picture(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || !g.keepsPictures(u) {
		return nil, errPicture
	}
	ctx, cancel := context.WithTimeout(ctx, pictureTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errPicture
	}
	resp, err := g.wire.RoundTrip(req) // no redirects
	if err != nil {
		return nil, errors.Join(errPicture, ctx.Err()) // what went wrong names the address
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxPicture+1))
	if err != nil || resp.StatusCode != http.StatusOK || len(content) > maxPicture {
		return nil, errPicture
	}
	return content, nil
}

// keepsPictures settles where a picture is read from; what the platform gives by http is there by https too.
func (g *Gateway) keepsPictures(u *url.URL) bool {
	if base := g.bases[qyapi]; base.Host != qyapi && u.Host == base.Host && u.Scheme == base.Scheme {
		return true
	}
	host := strings.ToLower(u.Hostname())
	for _, kept := range pictureHosts {
		if (host == kept || strings.HasSuffix(host, "."+kept)) && u.Port() == "" && (u.Scheme == "https" || u.Scheme == "http") {
			u.Scheme = "https"
			return true
		}
	}
	return false
}
