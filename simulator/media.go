package simulator

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// media is an uploaded file: temporary (media_id) or an image with a lasting URL.
type media struct {
	ID      string    `json:"id"`
	Type    string    `json:"type"`
	Name    string    `json:"name"`
	MIME    string    `json:"mime"`
	Data    []byte    `json:"data"`
	Created time.Time `json:"created"`
	For     int       `json:"for,omitempty"` // attachment_type of upload_attachment
}

// momentMaterial is the attachment_type of what moments show.
const momentMaterial = 1

// sizes are the platform's bounds by type of temporary media.
var sizes = map[string]int{"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "file": 20 << 20}

func mediaUpload(c *call) (any, error) {
	kind := c.arg("type")
	limit, ok := sizes[kind]
	if !ok {
		return nil, fail(40004)
	}
	m, err := c.upload(limit)
	if err != nil {
		return nil, err
	}
	if err := m.fits(kind); err != nil {
		return nil, err
	}
	c.keep(m, kind)
	// The platform says created_at as a string here and as a number in upload_attachment.
	return reply{"type": kind, "media_id": m.ID, "created_at": strconv.FormatInt(c.now.Unix(), 10)}, nil
}

// attachmentUpload takes material for moments (1) and product albums (2).
func attachmentUpload(c *call) (any, error) {
	kind, use := c.arg("media_type"), c.arg("attachment_type")
	if (kind != "image" && kind != "video" && kind != "file") || (use != "1" && use != "2") || (use == "2" && kind != "image") || (use == "1" && kind == "file") {
		return nil, fail(40058, "media_type or attachment_type")
	}
	m, err := c.upload(sizes[kind])
	if err != nil {
		return nil, err
	}
	if err := m.fits(kind); err != nil {
		return nil, err
	}
	m.For, _ = strconv.Atoi(use)
	c.keep(m, kind)
	return reply{"type": kind, "media_id": m.ID, "created_at": c.now.Unix()}, nil
}

// keep stores new temporary material and forgets what has expired.
func (c *call) keep(m *media, kind string) {
	for id, old := range c.corp.Media {
		if c.mediaExpired(old) {
			delete(c.corp.Media, id)
		}
	}
	m.Type, m.ID = kind, c.w.id("", 43)
	c.corp.Media[m.ID] = m
}

// upload reads the multipart field media.
func (c *call) upload(limit int) (*media, error) {
	file, header, err := c.r.FormFile("media")
	if err != nil {
		return nil, fail(44001)
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	switch {
	case err != nil || len(data) <= 5:
		return nil, fail(44001)
	case len(data) > limit:
		return nil, fail(45001)
	}
	return &media{Name: header.Filename, MIME: http.DetectContentType(data), Data: data, Created: c.now.UTC()}, nil
}

// fits checks the content against what the type admits.
func (m *media) fits(kind string) error {
	switch kind {
	case "image":
		if m.MIME != "image/png" && m.MIME != "image/jpeg" {
			return fail(40123)
		}
	case "voice":
		if !bytes.HasPrefix(m.Data, []byte("#!AMR")) {
			return fail(40004, "voice must be AMR")
		}
		m.MIME = "audio/amr"
	case "video":
		if m.MIME != "video/mp4" {
			return fail(40004, "video must be MP4")
		}
	}
	return nil
}

func imageUpload(c *call) (any, error) {
	m, err := c.upload(2 << 20)
	if err != nil {
		return nil, err
	}
	if err := m.fits("image"); err != nil {
		return nil, err
	}
	m.Type, m.ID = "image", c.w.id("", 32)
	c.corp.Images[m.ID] = m
	return reply{"url": c.host() + "/img/" + m.ID}, nil
}

func (c *call) mediaExpired(m *media) bool {
	return c.now.Sub(m.Created) >= time.Duration(c.w.Config.MediaSeconds)*time.Second
}

// usableMedia: media_ids are shared by all apps of the corp and live three days.
func (c *call) usableMedia(id string) error {
	if id == "" {
		return fail(41006)
	}
	if m := c.corp.Media[id]; m == nil || c.mediaExpired(m) {
		return fail(40007)
	}
	return nil
}

// knownImage: a pic_url must come from uploadimg.
func (c *call) knownImage(address string) error {
	if c.corp.Images[address[strings.LastIndexByte(address, '/')+1:]] == nil {
		return fail(40058, "pic_url is not from uploadimg")
	}
	return nil
}

func mediaGet(c *call) (any, error) {
	id := c.arg("media_id")
	if err := c.usableMedia(id); err != nil {
		return nil, err
	}
	m := c.corp.Media[id]
	return &file{Type: m.MIME, Name: m.Name, Data: m.Data}, nil
}

// serveImage shows what uploadimg and media/upload took in.
func (s *Simulator) serveImage(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var m *media
	for _, c := range s.world.Corps {
		if m = c.Images[r.PathValue("file")]; m == nil {
			m = c.Media[r.PathValue("file")]
		}
		if m != nil {
			break
		}
	}
	s.mu.Unlock()
	if m == nil {
		http.NotFound(rw, r)
		return
	}
	send(rw, r, answer{file: &file{Type: m.MIME, Name: m.Name, Data: m.Data}})
}
