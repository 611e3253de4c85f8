package simulator

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"html"
	"image/png"
	"net/http"
	"strings"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// qrImage draws text as a QR code of 300 × 300 pixels, PNG.
func qrImage(text string) ([]byte, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, err
	}
	if code, err = barcode.Scale(code, 300, 300); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = png.Encode(&b, code)
	return b.Bytes(), err
}

// serveAvatar draws the first character of a person's name on a colour of his own.
func (s *Simulator) serveAvatar(rw http.ResponseWriter, r *http.Request) {
	id := strings.TrimSuffix(r.PathValue("file"), ".svg")
	s.mu.Lock()
	p := s.world.People[id]
	hue := s.world.digest("avatar", id)[0]
	s.mu.Unlock()
	if p == nil {
		http.NotFound(rw, r)
		return
	}
	first := cut(p.Name, 1)
	rw.Header().Set("Content-Type", "image/svg+xml")
	fmt.Fprintf(rw, `<svg xmlns="http://www.w3.org/2000/svg" width="96" height="96"><rect width="96" height="96" fill="hsl(%d,45%%,55%%)"/>`+
		`<text x="48" y="62" font-size="42" text-anchor="middle" fill="#fff" font-family="sans-serif">%s</text></svg>`,
		int(hue)*360/256, html.EscapeString(first))
}
