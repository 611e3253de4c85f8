package referral

import (
	"context"
	"image"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// avatarHosts are where WeChat and WeCom keep avatars. Nothing is fetched from anywhere else, whatever a customer's row says.
var avatarHosts = []string{"qlogo.cn", "qpic.cn"}

// avatarTime bounds how long a poster waits for an avatar.
const avatarTime = 3 * time.Second

// avatarURL gives the address that an avatar is fetched from, by https whatever was noted; ok is false for one that isn't the
// platform's.
func avatarURL(text string) (address string, ok bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Opaque != "" || u.Port() != "" || len(text) > 1024 {
		return "", false
	}
	host := strings.ToLower(u.Hostname())
	for _, allowed := range avatarHosts {
		if host == allowed || strings.HasSuffix(host, "."+allowed) {
			u.Scheme, u.Host, u.Fragment = "https", host, ""
			return u.String(), true
		}
	}
	return "", false
}

// avatar fetches an avatar; nil when it can't be had, in time and within bounds: a poster does without.
func (s *Service) avatar(ctx context.Context, text string) image.Image {
	address, ok := avatarURL(text)
	if !ok || s.Pictures == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, avatarTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil
	}
	resp, err := s.Pictures.Do(req)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, int64(maxAvatar.bytes)+1))
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	return decode(content, maxAvatar)
}
