package acquisition

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/wecom"
)

func pngBytes(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var mp4Bytes = append([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), make([]byte, 64)...)

func (h *house) media(t *testing.T, kind string, content []byte) *model.Media {
	t.Helper()
	m, err := h.UploadMedia(t.Context(), h.account.ID, "name", kind, content)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (h *house) mediaRow(id int64) model.Media {
	h.t.Helper()
	var m model.Media
	if err := h.db.Take(&m, "id = ?", id).Error; err != nil {
		h.t.Fatal(err)
	}
	return m
}

func TestMediaTypeIsJudgedByContent(t *testing.T) {
	h := newHouse(t)
	picture := pngBytes(t)
	big := func(n int) []byte { return append(bytes.Clone(picture), make([]byte, n-len(picture))...) }
	tests := []struct {
		name, kind string
		content    []byte
		want       error
	}{
		{"png", AttachImage, picture, nil},
		{"largest image", AttachImage, big(10 << 20), nil},
		{"image too large", AttachImage, big(10<<20 + 1), ErrMediaSize},
		{"gif", AttachImage, []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00"), ErrMediaType},
		{"web page that calls itself an image", AttachImage, []byte("<html><script>alert(1)</script>"), ErrMediaType},
		{"png that breaks off", AttachImage, picture[:20], ErrMediaType},
		{"svg", AttachImage, []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), ErrMediaType},
		{"mp4", AttachVideo, mp4Bytes, nil},
		{"image as video", AttachVideo, picture, ErrMediaType},
		{"any file", AttachFile, []byte("price;list"), nil},
		{"empty", AttachFile, nil, ErrMediaSize},
		{"five bytes", AttachFile, []byte("12345"), ErrMediaSize},
		{"file too large", AttachFile, make([]byte, 20<<20+1), ErrMediaSize},
		{"unknown kind", "voice", picture, ErrMediaType},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := h.UploadMedia(t.Context(), h.account.ID, "x.png", tt.kind, tt.content); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestFileName(t *testing.T) {
	for in, want := range map[string]string{
		"报价.pdf": "报价.pdf", `C:\a\b.pdf`: "b.pdf", "../../etc/passwd": "passwd", "a\x00\r\n\"b": "ab", "": "file", "..": "file", "/": "file",
		strings.Repeat("名", 300): strings.Repeat("名", 100), "bad\xff.txt": "bad.txt",
	} {
		if got := fileName(in); got != want {
			t.Errorf("fileName(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestMediaIsKeptOnceAndUploaded(t *testing.T) {
	h := newHouse(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), 3<<20/16+1) // several parts
	first := h.media(t, AttachFile, content)
	second := h.media(t, AttachFile, content)
	if first.ID != second.ID {
		t.Errorf("the same content has rows %d and %d", first.ID, second.ID)
	}
	if h.media(t, AttachImage, pngBytes(t)).ID == first.ID {
		t.Error("different contents share a row")
	}
	h.mustWork()
	h.wantCalls("upload", 2)
	m := h.mediaRow(first.ID)
	if m.MediaID == "" || m.ExpiresAt == nil || !m.ExpiresAt.Equal(noon.Add(wecom.MediaLife)) || m.UploadError != "" {
		t.Errorf("row: %+v", m)
	}
	row, back, err := h.MediaFile(t.Context(), first.ID)
	if err != nil || !bytes.Equal(back, content) || row.Size != int64(len(content)) {
		t.Errorf("read back %d bytes of %d, %v", len(back), len(content), err)
	}
	list, err := h.Media(t.Context(), h.account.ID, AttachFile, 0, 0)
	if err != nil || len(list) != 1 {
		t.Errorf("list: %d, %v", len(list), err)
	}
}

func TestOnlyMediaInUseAreRenewed(t *testing.T) {
	h := newHouse(t)
	used, unused := h.media(t, AttachImage, pngBytes(t)), h.media(t, AttachFile, []byte("nobody wants me"))
	h.welcome(ScopeDefault, 0, "", Attachment{Kind: AttachImage, MediaID: used.ID})
	h.mustWork()
	h.wantCalls("upload", 2)
	renew := func() {
		t.Helper()
		for range 3 {
			if err := h.RenewMedia(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		h.mustWork()
	}
	h.clock.Advance(48 * time.Hour) // exactly a day left
	renew()
	h.wantCalls("upload", 2)
	h.clock.Advance(time.Minute)
	renew()
	h.wantCalls("upload", 3)
	if m := h.mediaRow(used.ID); m.MediaID != "media3" || !m.ExpiresAt.Equal(h.clock.Now().Add(wecom.MediaLife)) {
		t.Errorf("renewed: %+v", m)
	}
	// Saving a welcome that uses the other one brings it back.
	h.clock.Advance(24 * time.Hour)
	h.welcome(ScopeDefault, 0, "", Attachment{Kind: AttachFile, MediaID: unused.ID})
	h.mustWork()
	h.wantCalls("upload", 4)
	if !usable(h.mediaRow(unused.ID), h.clock.Now()) {
		t.Error("the file is not usable")
	}
}

func TestUploadFailureIsShownAndRetried(t *testing.T) {
	h := newHouse(t)
	h.fake.failOnce("upload", refusedWith(-1), false)
	m := h.media(t, AttachImage, pngBytes(t))
	h.work()
	if got := h.mediaRow(m.ID); !strings.Contains(got.UploadError, "重试") {
		t.Errorf("an operator reads %q", got.UploadError)
	}
	h.retry()
	h.mustWork()
	if got := h.mediaRow(m.ID); got.UploadError != "" || got.MediaID == "" {
		t.Errorf("in the end: %+v", got)
	}
}

func TestDeleteMedia(t *testing.T) {
	h := newHouse(t)
	m := h.media(t, AttachImage, pngBytes(t))
	w := h.welcome(ScopeDefault, 0, "", Attachment{Kind: AttachImage, MediaID: m.ID})
	if err := h.DeleteMedia(t.Context(), m.ID); !errors.Is(err, ErrMediaInUse) {
		t.Errorf("in use: got %v", err)
	}
	if err := h.DeleteWelcome(t.Context(), w.ID); err != nil {
		t.Fatal(err)
	}
	for _, want := range []error{nil, ErrMediaNotFound} {
		if err := h.DeleteMedia(t.Context(), m.ID); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if n := modeltest.Count[model.MediaContent](t, h.db); n != 0 {
		t.Errorf("%d parts are left behind", n)
	}
	h.mustWork() // its upload was queued
	h.wantCalls("upload", 0)
}

// A welcome does not wait for its pictures, and nothing is uploaded within its seconds.
func TestWelcomeGoesWithoutMediaThePlatformDoesNotHave(t *testing.T) {
	h := newHouse(t, "anna")
	fresh, stale := h.media(t, AttachImage, pngBytes(t)), h.media(t, AttachFile, []byte("stale file"))
	h.mustWork()
	if err := h.db.Model(&model.Media{}).Where("id = ?", stale.ID).UpdateColumn("expires_at", noon).Error; err != nil {
		t.Fatal(err)
	}
	h.welcome(ScopeDefault, 0, "你好",
		Attachment{Kind: AttachImage, MediaID: fresh.ID}, Attachment{Kind: AttachFile, MediaID: stale.ID},
		Attachment{Kind: AttachLink, Title: "t", URL: "https://example.com"},
		Attachment{Kind: AttachMiniProgram, Title: "t", AppID: "wx0123456789abcdef", Page: "p", MediaID: fresh.ID})
	h.receive(h.due("code"))
	uploads := h.fake.count("upload")
	h.fake.hook = func(api string) {
		if api == "send" && h.fake.count("upload") != uploads {
			t.Error("something was uploaded before the welcome was sent")
		}
	}
	h.mustWork()
	s := h.send()
	if s.Outcome != OutcomeSent || !strings.Contains(s.Reason, "1 of 4 attachments") {
		t.Errorf("row: %+v", s)
	}
	sent := h.fake.sent[0].Attachments
	if len(sent) != 3 || sent[0].Image.MediaID != "media1" || sent[1].Link == nil || sent[2].MiniProgram.PicMediaID != "media1" {
		t.Errorf("sent %+v", sent)
	}
}

func TestWelcomeWithoutWhatThePlatformRefuses(t *testing.T) {
	for _, code := range []int{40007, 40058} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			h := newHouse(t, "anna")
			m := h.media(t, AttachImage, pngBytes(t))
			h.welcome(ScopeDefault, 0, "你好", Attachment{Kind: AttachImage, MediaID: m.ID})
			h.mustWork()
			h.fake.failOnce("send", refusedWith(code), false)
			h.receive(h.due("code"))
			h.mustWork()
			if got := h.texts(); !slices.Equal(got, []string{"你好"}) || len(h.fake.sent[0].Attachments) != 0 {
				t.Errorf("sent %+v", h.fake.sent)
			}
			if s := h.send(); s.Outcome != OutcomeSent || s.Reason == "" {
				t.Errorf("row: %+v", s)
			}
			want := map[int]int{40007: 2, 40058: 1}[code] // media that are gone are uploaded again
			h.wantCalls("upload", want)
		})
	}
}

func TestWelcomeOfPicturesAloneWaitsForThem(t *testing.T) {
	h := newHouse(t, "anna")
	m := h.media(t, AttachImage, pngBytes(t))
	h.welcome(ScopeDefault, 0, "", Attachment{Kind: AttachImage, MediaID: m.ID})
	if err := h.db.Model(&model.Work{}).Where("kind = ?", workUpload).UpdateColumn("state", "failed once").Error; err != nil {
		t.Fatal(err)
	}
	h.receive(h.due("code"))
	if res := h.work(); len(res) != 1 || !errors.Is(res[0], errNoMedia) {
		t.Errorf("got %v, want errNoMedia", res)
	}
	h.retry()
	if err := h.upload(t.Context(), nil, mediaPayload{m.ID}); err != nil {
		t.Fatal(err)
	}
	h.work()
	if s := h.send(); s.Outcome != OutcomeSent {
		t.Errorf("row: %+v", s)
	}
}
