package referral

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"

	"github.com/boombuler/barcode/qr"
)

// The measures of a poster in pixels.
var (
	canvas = image.Rect(0, 0, 600, 900)
	card   = image.Rect(120, 480, 480, 840) // white, with the code in it
	face   = image.Rect(240, 360, 360, 480) // the avatar, on the card's upper edge
)

const (
	ring  = 6 // white, around the avatar
	quiet = 4 // modules of white around a QR code, as the standard wants
)

var paper = color.RGBA{0xe8, 0x5d, 0x4a, 0xff} // where the programme has no picture

// plain is a canvas without a picture.
func plain() *image.RGBA {
	m := image.NewRGBA(canvas)
	draw.Draw(m, canvas, image.NewUniform(paper), image.Point{}, draw.Src)
	return m
}

// cover fills a canvas with a picture: what is too wide or too high of it is cut off on both sides.
func cover(m *image.RGBA, picture image.Image) {
	from := picture.Bounds()
	w, h := from.Dx(), from.Dy()
	if w*canvas.Dy() > h*canvas.Dx() {
		cut := w - h*canvas.Dx()/canvas.Dy()
		from.Min.X, from.Max.X = from.Min.X+cut/2, from.Max.X-(cut-cut/2)
	} else {
		cut := h - w*canvas.Dy()/canvas.Dx()
		from.Min.Y, from.Max.Y = from.Min.Y+cut/2, from.Max.Y-(cut-cut/2)
	}
	if from.Empty() { // a line of pixels
		from = picture.Bounds()
	}
	scale(m, canvas, picture, from)
}

// paint draws a poster; avatar is nil where there is none.
func paint(ground *image.RGBA, mark, avatar image.Image) ([]byte, error) {
	m := image.NewRGBA(canvas)
	copy(m.Pix, ground.Pix)
	draw.Draw(m, card, image.White, image.Point{}, draw.Src)
	if _, isQR := mark.(*modules); isQR {
		draw.Draw(m, card, mark, image.Point{}, draw.Src)
	} else {
		scale(m, card.Inset(16), mark, mark.Bounds())
	}
	if avatar != nil {
		draw.DrawMask(m, face.Inset(-ring), image.White, image.Point{}, disc{face.Dx() + 2*ring}, image.Point{}, draw.Over)
		scaled := image.NewRGBA(image.Rect(0, 0, face.Dx(), face.Dy()))
		scale(scaled, scaled.Bounds(), avatar, square(avatar.Bounds()))
		draw.DrawMask(m, face, scaled, image.Point{}, disc{face.Dx()}, image.Point{}, draw.Over)
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, m); err != nil {
		return nil, fmt.Errorf("encode a poster: %w", err)
	}
	return b.Bytes(), nil
}

// square is the middle of a picture.
func square(r image.Rectangle) image.Rectangle {
	n := min(r.Dx(), r.Dy())
	at := image.Pt(r.Min.X+(r.Dx()-n)/2, r.Min.Y+(r.Dy()-n)/2)
	return image.Rectangle{at, at.Add(image.Pt(n, n))}
}

// disc is a mask: what lies within a circle of a diameter.
type disc struct{ diameter int }

// ColorModel implements image.Image.
func (disc) ColorModel() color.Model { return color.AlphaModel }

// Bounds implements image.Image.
func (d disc) Bounds() image.Rectangle { return image.Rect(0, 0, d.diameter, d.diameter) }

// At implements image.Image.
func (d disc) At(x, y int) color.Color {
	dx, dy := 2*x+1-d.diameter, 2*y+1-d.diameter
	if dx*dx+dy*dy <= d.diameter*d.diameter {
		return color.Alpha{0xff}
	}
	return color.Alpha{0}
}

// modules is a QR code of the card's size: every module the same whole number of pixels, in the middle, with white around.
type modules struct {
	code  image.Image
	n     int // modules a side
	pixel int // pixels a module
}

func qrCode(text string) (image.Image, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("encode a QR code: %w", err)
	}
	n := code.Bounds().Dx()
	return &modules{code, n, card.Dx() / (n + 2*quiet)}, nil
}

// origin is where the first module lies.
func (q *modules) origin() int { return (card.Dx() - q.n*q.pixel) / 2 }

// ColorModel implements image.Image.
func (*modules) ColorModel() color.Model { return color.GrayModel }

// Bounds implements image.Image.
func (*modules) Bounds() image.Rectangle { return image.Rect(0, 0, card.Dx(), card.Dy()) }

// At implements image.Image.
func (q *modules) At(x, y int) color.Color {
	at := q.origin()
	if x < at || y < at || x >= at+q.n*q.pixel || y >= at+q.n*q.pixel {
		return color.Gray{0xff}
	}
	if r, _, _, _ := q.code.At((x-at)/q.pixel, (y-at)/q.pixel).RGBA(); r == 0 {
		return color.Gray{0}
	}
	return color.Gray{0xff}
}
