package callback

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/gin-gonic/gin"
)

// The ways in which a sender's address counts.
const (
	IPOff     = "off"
	IPLog     = "log"     // an unlisted sender is only mentioned
	IPEnforce = "enforce" // an unlisted sender is refused
)

// IPs is the platform's own list of the addresses it pushes from. Until a list has been fetched
// everybody is let through: the signature is what protects, and refusing would lose events.
type IPs struct {
	mode  string
	fetch func(ctx context.Context) ([]string, error)
	list  atomic.Pointer[[]netip.Prefix]
}

// NewIPs takes one of the modes above and what fetches the list: addresses, networks, or addresses
// whose last numbers are "*".
func NewIPs(mode string, fetch func(ctx context.Context) ([]string, error)) (*IPs, error) {
	switch mode {
	case IPOff, IPLog, IPEnforce:
		return &IPs{mode: mode, fetch: fetch}, nil
	}
	return nil, fmt.Errorf("callback.ip_check is %q; it must be off, log or enforce", mode)
}

// Refresh fetches the list. When that fails, or brings nothing, the last list goes on counting. May
// be run at any moment; when the mode is off it does nothing.
func (l *IPs) Refresh(ctx context.Context) error {
	if l.mode == IPOff {
		return nil
	}
	texts, err := l.fetch(ctx)
	if err != nil {
		return fmt.Errorf("fetch callback addresses: %w", err)
	}
	list := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		p, err := parseNet(text)
		if err != nil {
			return fmt.Errorf("callback address list: %w", err)
		}
		list = append(list, p)
	}
	if len(list) == 0 {
		return fmt.Errorf("callback address list is empty")
	}
	l.list.Store(&list)
	return nil
}

func parseNet(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	if stars := strings.Count(text, ".*"); stars > 0 && strings.HasSuffix(text, strings.Repeat(".*", stars)) {
		return netip.ParsePrefix(strings.ReplaceAll(text, "*", "0") + fmt.Sprintf("/%d", 32-8*stars))
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return a.Prefix(a.BitLen())
}

// allows tells whether a request may go on. The address is the one that trusted proxies vouch for.
func (l *IPs) allows(c *gin.Context, log *warnings) bool {
	if l == nil || l.mode == IPOff {
		return true
	}
	list := l.list.Load()
	if list == nil {
		return true
	}
	addr, err := netip.ParseAddr(c.ClientIP())
	if err == nil {
		addr = addr.Unmap()
		for _, p := range *list {
			if p.Contains(addr) {
				return true
			}
		}
	}
	log.warn(c.Request.Context(), "callback from an address that is not on the platform's list", "address", addr.String(), "mode", l.mode)
	return l.mode != IPEnforce
}
