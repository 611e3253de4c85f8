package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Guard keeps requests to addresses that people typed from reaching what only we can reach. What counts
// is checked when a connection is made, with the address that is dialled: a name may lead elsewhere by
// then than it did when it was typed, to several places, or to another at each question.
type Guard struct {
	// AllowPrivate lets everything through: for development, and for systems in the same network.
	AllowPrivate bool
}

// ErrBlocked is why a connection was not made.
var ErrBlocked = errors.New("webhook: the address is not a public one")

// The limits of an outgoing request.
const (
	connectTime = 2 * time.Second
	requestTime = 10 * time.Second
)

// Client makes requests that the guard watches, each within 10 s: no proxy from the environment, which would dial in our stead, and no
// redirects, which would lead elsewhere than was agreed.
func (g Guard) Client() *http.Client {
	dialer := g.Dialer(ports...)
	return &http.Client{
		Timeout:       requestTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, DisableCompression: true,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: requestTime, MaxResponseHeaderBytes: 16 << 10,
			MaxIdleConnsPerHost: 2, MaxConnsPerHost: 16, IdleConnTimeout: 30 * time.Second,
		},
	}
}

// Dialer connects to public addresses alone, and to these of their ports.
func (g Guard) Dialer(ports ...uint16) *net.Dialer {
	// control sees every address before the first packet to it.
	control := func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !g.AllowPrivate && (!isPublic(at.Addr()) || !slices.Contains(ports, at.Port())) {
			return ErrBlocked
		}
		return nil
	}
	return &net.Dialer{Timeout: connectTime, Control: control}
}

// ports are those that web servers are found at.
var ports = []uint16{443, 8443}

// notPublic are the networks inside the public ranges that lead to somebody special.
var notPublic = func() (list []netip.Prefix) {
	for _, p := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
	} {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}()

// publicIPv6 is the only part of IPv6 that is given out; what translates to IPv4 lies outside of it.
var publicIPv6 = netip.MustParsePrefix("2000::/3")

func isPublic(a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if a.Is6() && !publicIPv6.Contains(a) {
		return false
	}
	return !slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(a) })
}

var hostShape = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$`)

// RefuseURL says what is wrong with an address, to whoever typed it; empty: nothing. It spares them a
// surprise, it protects nobody: control does.
func (g Guard) RefuseURL(text string) string {
	const shape = "https://主机名/路径，端口 443 或 8443 / https://host/path, port 443 or 8443"
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > 1024 || u.Host == "" || u.Opaque != "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }):
		return shape
	case u.User != nil || strings.Contains(text, "#"):
		return "不能含用户名或 # / without a user name and without #"
	case u.Scheme != "https" && !(g.AllowPrivate && u.Scheme == "http"):
		return shape
	case g.AllowPrivate:
		return ""
	case u.Port() != "" && u.Port() != "443" && u.Port() != "8443":
		return shape
	}
	host := strings.ToLower(u.Hostname())
	if a, err := netip.ParseAddr(host); err == nil {
		if !isPublic(a) {
			return "不能是内网或保留地址 / not an address of a private or reserved network"
		}
		return ""
	}
	if !hostShape.MatchString(host) || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal") {
		return "不是公网域名 / not a public host name"
	}
	return ""
}

// outcomeOf names what kept a request from being answered.
func outcomeOf(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, ErrBlocked):
		return OutcomeBlocked
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return OutcomeTimeout
	}
	return OutcomeUnreachable
}
