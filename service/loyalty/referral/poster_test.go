package referral

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/boombuler/barcode/qr"

	"zhiyin/model"
	"zhiyin/wecom"
)

// wire answers for everybody on the network.
type wire struct {
	answer func(r *http.Request) (*http.Response, error)
	asked  atomic.Int64
	last   atomic.Value
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.asked.Add(1)
	w.last.Store(r.URL.String())
	return w.answer(r)
}

func says(status int, content []byte) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(content)), Header: http.Header{"Location": {"http://127.0.0.1/"}}}, nil
	}
}

// mini is a mini-program platform that gives a code of one colour.
type mini struct {
	asked atomic.Int64
	scene atomic.Value
	err   error
}

func (m *mini) Code(_ context.Context, c wecom.CodePicture) ([]byte, error) {
	m.asked.Add(1)
	m.scene.Store(c.Page + "?" + c.Scene)
	return filled(430, 430, green), m.err
}

var (
	green = color.RGBA{0, 0xff, 0, 0xff}
	blue  = color.RGBA{0, 0, 0xff, 0xff}
	white = color.RGBA{0xff, 0xff, 0xff, 0xff}
)

// filled is a PNG of one colour.
func filled(w, h int, c color.Color) []byte {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		r, g, b, a := c.RGBA()
		m.Pix[i] = []byte{byte(r), byte(g), byte(b), byte(a)}[i%4]
	}
	var b bytes.Buffer
	_ = png.Encode(&b, m)
	return b.Bytes()
}

func (h *house) drawn(p *Programme, who int64) (image.Image, *Poster) {
	h.t.Helper()
	poster := must(h.Poster(h.t.Context(), who, p.ID))(h.t)
	m, err := png.Decode(bytes.NewReader(poster.PNG))
	h.must(err)
	if m.Bounds() != canvas {
		h.t.Errorf("bounds %v", m.Bounds())
	}
	return m, poster
}

func at(m image.Image, x, y int) color.RGBA {
	return color.RGBAModel.Convert(m.At(x, y)).(color.RGBA)
}

// TestPoster reads the link out of the picture: every module of its QR code is where it should be, with white around.
func TestPoster(t *testing.T) {
	h := newHouse(t)
	w := &wire{answer: says(200, filled(132, 100, blue))}
	h.Pictures, h.picture = &http.Client{Transport: w}, filled(50, 30, green)
	p := h.published(with(func(d *Definition) { d.BackgroundID = 3 }))
	me := h.customer()
	m, _ := h.drawn(p, me)
	code := must(qr.Encode(p.LinkOf(h.code(p, me)), qr.M, qr.Auto))(t)
	n := code.Bounds().Dx()
	pixel := card.Dx() / (n + 8)
	from := card.Min.Add(image.Pt((card.Dx()-n*pixel)/2, (card.Dx()-n*pixel)/2))
	for y := -4; y < n+4; y++ {
		for x := -4; x < n+4; x++ {
			want := white
			if x >= 0 && y >= 0 && x < n && y < n {
				want = color.RGBAModel.Convert(code.At(x, y)).(color.RGBA)
			}
			if got := at(m, from.X+x*pixel+pixel/2, from.Y+y*pixel+pixel/2); got != want {
				t.Fatalf("module %d, %d is %v, want %v", x, y, got, want)
			}
		}
	}
	if at(m, 0, 0) != green || at(m, 599, 899) != green || at(m, 300, 420) != green {
		t.Errorf("the background is %v, %v, %v", at(m, 0, 0), at(m, 599, 899), at(m, 300, 420))
	}
	if w.asked.Load() != 0 {
		t.Error("fetched an avatar that nobody has")
	}
	h.must(h.DB.Model(&model.Customer{}).Where("id = ?", me).UpdateColumn("avatar", "http://thirdwx.qlogo.cn/mmopen/x/132").Error)
	m, poster := h.drawn(p, me)
	if at(m, 300, 420) != blue || at(m, face.Min.X+1, face.Min.Y+1) != green || at(m, 300, face.Min.Y-3) != white {
		t.Errorf("the avatar: %v, its corner %v, its ring %v", at(m, 300, 420), at(m, face.Min.X+1, face.Min.Y+1), at(m, 300, face.Min.Y-3))
	}
	if got := w.last.Load(); got != "https://thirdwx.qlogo.cn/mmopen/x/132" {
		t.Errorf("asked %v", got)
	}
	for range 3 {
		if _, again := h.drawn(p, me); again.Hash != poster.Hash || !bytes.Equal(again.PNG, poster.PNG) {
			t.Error("another poster")
		}
	}
	if w.asked.Load() != 1 {
		t.Errorf("fetched the avatar %d times", w.asked.Load())
	}
	if _, other := h.drawn(p, h.customer()); other.Hash == poster.Hash {
		t.Error("somebody else has the same")
	}
	if len(poster.PNG) > 200_000 {
		t.Errorf("a poster of %d bytes", len(poster.PNG))
	}
	if _, err := h.Poster(t.Context(), me, p.ID+1); !errors.Is(err, ErrNotFound) {
		t.Errorf("of no programme: %v", err)
	}
}

// TestMiniAppPoster: the platform's code where there is one, else the link, else none for now.
func TestMiniAppPoster(t *testing.T) {
	h := newHouse(t)
	platform := &mini{}
	h.MiniApp = func(account string) MiniApp {
		if account != "shop" {
			t.Errorf("asked account %s", account)
		}
		return platform
	}
	p := h.published(with(func(d *Definition) { d.AccountID, d.Page = 2, "pages/invite" }))
	me := h.customer()
	code := h.code(p, me)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := h.Poster(t.Context(), me, p.ID); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	m, _ := h.drawn(p, me)
	if at(m, 300, 660) != green || at(m, card.Min.X+4, card.Min.Y+4) != white || platform.asked.Load() != 1 || platform.scene.Load() != "pages/invite?r="+code {
		t.Errorf("drawn %v, asked %d times for %v", at(m, 300, 660), platform.asked.Load(), platform.scene.Load())
	}
	platform.err = errors.New("the platform is down")
	if m, _ := h.drawn(p, h.customer()); at(m, 300, 660) == green {
		t.Error("drew a code that the platform did not give")
	}
	alone := h.published(with(func(d *Definition) { d.AccountID, d.Link = 2, "" }))
	if _, err := h.Poster(t.Context(), me, alone.ID); !errors.Is(err, ErrPoster) {
		t.Errorf("without a link: %v", err)
	}
}

// TestAvatarsComeFromThePlatformAlone: whatever a customer's row says, nothing else is asked for anything.
func TestAvatarsComeFromThePlatformAlone(t *testing.T) {
	for text, want := range map[string]string{
		"https://thirdwx.qlogo.cn/mmopen/a/132":            "https://thirdwx.qlogo.cn/mmopen/a/132",
		"http://wx.qlogo.cn/mmhead/a/0":                    "https://wx.qlogo.cn/mmhead/a/0",
		"HTTPS://WEWORK.QPIC.CN/bizmail/a/0#x":             "https://wework.qpic.cn/bizmail/a/0",
		"":                                                 "",
		"https://evil.example/a.png":                       "",
		"https://qlogo.cn.evil.example/a.png":              "",
		"https://evilqlogo.cn/a.png":                       "",
		"https://127.0.0.1/a.png":                          "",
		"https://[::1]/a.png":                              "",
		"https://wx.qlogo.cn@127.0.0.1/a.png":              "",
		"https://wx.qlogo.cn:8443/a.png":                   "",
		"https://somebody:secret@wx.qlogo.cn/a.png":        "",
		"https://wx.qlogo.cn\\@127.0.0.1/":                 "",
		"file:///etc/passwd":                               "",
		"gopher://wx.qlogo.cn/1":                           "",
		"//wx.qlogo.cn/a":                                  "",
		"https://wx.qlogo.cn/" + strings.Repeat("a", 2000): "",
	} {
		if got, ok := avatarURL(text); got != want || ok != (want != "") {
			t.Errorf("%.60q: %q, %t", text, got, ok)
		}
	}
	h := newHouse(t)
	var animated bytes.Buffer
	h.must(gif.Encode(&animated, image.NewPaletted(image.Rect(0, 0, 2, 2), color.Palette{color.Black, color.White}), nil))
	bomb := bombHead(30_000, 30_000)
	w := &wire{}
	h.Pictures = &http.Client{Transport: w, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"not found": says(404, filled(9, 9, blue)), "a redirect": says(302, filled(9, 9, blue)), "HTML": says(200, []byte("<html>")), "SVG": says(200, []byte("<svg/>")), "GIF": says(200, animated.Bytes()),
		"nothing": says(200, nil), "too large": says(200, append(filled(9, 9, blue), make([]byte, 2<<20)...)), "a bomb": says(200, bomb), "half": says(200, filled(90, 90, blue)[:80]),
		"no answer": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
	} {
		w.answer = answer
		if m := h.avatar(t.Context(), "https://wx.qlogo.cn/a"); m != nil {
			t.Errorf("%s: a picture of %v", name, m.Bounds())
		}
	}
	endless := &zeros{}
	w.answer = func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(endless)}, nil
	}
	if m := h.avatar(t.Context(), "https://wx.qlogo.cn/a"); m != nil || endless.read > 2*maxAvatar.bytes {
		t.Errorf("read %d bytes of what has no end", endless.read)
	}
	// A poster does without, and asks again the next time.
	p, me := h.published(definition()), h.customer()
	h.must(h.DB.Model(&model.Customer{}).Where("id = ?", me).UpdateColumn("avatar", "https://wx.qlogo.cn/a").Error)
	h.drawn(p, me)
	w.answer = says(200, filled(9, 9, blue))
	if m, _ := h.drawn(p, me); at(m, 300, 420) != blue {
		t.Error("an avatar that is there again is not drawn")
	}
	h.must(h.DB.Model(&model.Customer{}).Where("id = ?", me).UpdateColumn("avatar", "https://169.254.169.254/latest/meta-data").Error)
	before := w.asked.Load()
	h.drawn(p, me)
	if w.asked.Load() != before {
		t.Errorf("asked %v", w.last.Load())
	}
}

// zeros is more than anybody should read.
type zeros struct{ read int }

// Read implements io.Reader.
func (z *zeros) Read(b []byte) (int, error) {
	clear(b)
	if z.read += len(b); z.read > 64<<20 {
		return 0, io.EOF
	}
	return len(b), nil
}

// bombHead is a PNG that says to be huge.
func bombHead(w, h uint32) []byte {
	b := filled(1, 1, blue)
	for i, v := range []uint32{w, h} {
		b[16+4*i], b[17+4*i], b[18+4*i], b[19+4*i] = byte(v>>24), byte(v>>16), byte(v>>8), byte(v)
	}
	sum := crc32.ChecksumIEEE(b[12:29])
	b[29], b[30], b[31], b[32] = byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum)
	return b
}

// TestPictures: what is drawn is a JPG or PNG of a bearable size, and any shape of it fills the canvas.
func TestPictures(t *testing.T) {
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, image.NewGray(image.Rect(0, 0, 40, 40)), nil); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		content []byte
		good    bool
	}{
		"PNG": {filled(10, 10, blue), true}, "JPG": {photo.Bytes(), true}, "a bomb": {bombHead(100_000, 100_000), false}, "no width": {bombHead(0, 10), false},
		"text": {[]byte("hello"), false}, "nothing": {nil, false},
	} {
		if got := usablePicture(tt.content, maxBackground); got != tt.good {
			t.Errorf("%s: %t", name, got)
		}
	}
	for _, size := range [][2]int{{1, 1}, {1, 3000}, {3000, 1}, {600, 900}, {900, 600}, {7, 5000}} {
		m := plain()
		cover(m, decode(filled(size[0], size[1], green), maxBackground))
		if m.RGBAAt(0, 0) != green || m.RGBAAt(599, 899) != green || m.RGBAAt(300, 450) != green {
			t.Errorf("%v leaves some of the canvas: %v %v %v", size, m.RGBAAt(0, 0), m.RGBAAt(599, 899), m.RGBAAt(300, 450))
		}
	}
}

// TestScale: a picture that is drawn smaller is the mean of what lies under each pixel, and larger the nearest; nothing outside
// of the part is looked at.
func TestScale(t *testing.T) {
	src := image.NewRGBA(image.Rect(10, 20, 16, 26)) // six by six, black and white by columns
	for i := range 36 {
		src.Set(10+i%6, 20+i/6, []color.Color{color.Black, color.White}[i%2])
	}
	small := image.NewRGBA(image.Rect(0, 0, 2, 2))
	scale(small, small.Bounds(), src, src.Bounds())
	for i, want := range []uint8{0x55, 0xaa, 0x55, 0xaa} { // three columns each: b w b, w b w
		if c := small.RGBAAt(i%2, i/2); c.R != want || c.A != 0xff {
			t.Errorf("pixel %d is %v, want %x", i, c, want)
		}
	}
	covered := plain()
	scale(covered, canvas, image.NewRGBA(image.Rect(0, 0, 4, 4)), image.Rect(0, 0, 4, 4)) // transparent
	if covered.RGBAAt(5, 5) != paper {
		t.Errorf("a transparent picture covers: %v", covered.RGBAAt(5, 5))
	}
	large := image.NewRGBA(image.Rect(0, 0, 8, 8))
	scale(large, image.Rect(2, 2, 8, 8), src, image.Rect(10, 20, 12, 22))
	if large.RGBAAt(2, 2).R != 0 || large.RGBAAt(7, 7).R != 0xff || large.RGBAAt(1, 1).A != 0 {
		t.Errorf("enlarged: %v, %v, outside %v", large.RGBAAt(2, 2), large.RGBAAt(7, 7), large.RGBAAt(1, 1))
	}
}

func TestMemory(t *testing.T) {
	m := newMemory[string](10)
	m.put("a", "A", 4)
	m.put("b", "B", 4)
	m.get("a")
	m.put("c", "C", 4) // b was used longest ago
	m.put("d", "D", 11)
	for key, want := range map[string]bool{"a": true, "b": false, "c": true, "d": false} {
		if _, ok := m.get(key); ok != want {
			t.Errorf("%s is there: %t", key, ok)
		}
	}
	if m.size != 8 {
		t.Errorf("holds %d", m.size)
	}
}

func BenchmarkPoster(b *testing.B) {
	ground := plain()
	cover(ground, decode(filled(300, 500, green), maxBackground))
	mark, _ := qrCode("https://shop.example.com/i/0123456789abcdef")
	avatar := decode(filled(132, 132, blue), maxAvatar)
	for b.Loop() {
		if _, err := paint(ground, mark, avatar); err != nil {
			b.Fatal(err)
		}
	}
}
