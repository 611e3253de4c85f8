package wecom

import (
	"strings"
	"testing"
	"time"
)

// TestSignPage holds the example of the platform's documentation.
func TestSignPage(t *testing.T) {
	ticket := &Ticket{"sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"}
	for _, address := range []string{"http://mp.weixin.qq.com?params=value", "http://mp.weixin.qq.com?params=value#part"} {
		got := ticket.sign(address, "Wm3WZYTPz0wzccnW", 1414587457)
		if got.Signature != "0f9de62fce790f9a083d5c99e95740ceb90c27ed" {
			t.Errorf("%s: got %s", address, got.Signature)
		}
	}
	a, b := ticket.SignPage("https://a.example/", time.Unix(7, 0)), ticket.SignPage("https://a.example/", time.Unix(7, 0))
	if a.Timestamp != 7 || a.Nonce == b.Nonce || len(a.Nonce) < 16 || strings.Contains(a.Signature+a.Nonce, "sM4AO") {
		t.Errorf("got %+v and %+v", a, b)
	}
}
