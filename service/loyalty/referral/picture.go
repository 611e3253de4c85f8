package referral

import (
	"bytes"
	"image"
	_ "image/jpeg" // the two kinds of pictures that are drawn
	_ "image/png"
)

// bound is how large a picture may be that is decoded here.
type bound struct {
	bytes  int
	pixels int
}

var (
	maxBackground = bound{10 << 20, 16 << 20}
	maxAvatar     = bound{1 << 20, 2 << 20}
)

// usablePicture tells whether content is a JPG or PNG within bounds, as its head says, before anything is decoded.
func usablePicture(content []byte, most bound) bool {
	if len(content) > most.bytes {
		return false
	}
	c, kind, err := image.DecodeConfig(bytes.NewReader(content))
	return err == nil && (kind == "jpeg" || kind == "png") && c.Width > 0 && c.Height > 0 && c.Width*c.Height <= most.pixels
}

// decode reads a picture within bounds; nil: it is none.
func decode(content []byte, most bound) image.Image {
	if !usablePicture(content, most) {
		return nil
	}
	m, _, err := image.Decode(bytes.NewReader(content))
	if err != nil {
		return nil
	}
	return m
}
