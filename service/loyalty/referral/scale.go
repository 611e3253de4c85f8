package referral

import (
	"image"
	"image/color"
)

// samples is how many pixels of the source, across and down, make one that is drawn.
const samples = 3

// scale draws a part of a picture at another size: each pixel is the mean of a few that lie under it. It is enough for posters; the
// general library for it is larger than everything else here together.
func scale(to *image.RGBA, at image.Rectangle, from image.Image, part image.Rectangle) {
	w, h := at.Dx(), at.Dy()
	for y := range h {
		for x := range w {
			var r, g, b, a uint32
			for i := range samples * samples {
				c := color.RGBA64Model.Convert(from.At(under(x, i%samples, w, part.Min.X, part.Dx()), under(y, i/samples, h, part.Min.Y, part.Dy()))).(color.RGBA64)
				r, g, b, a = r+uint32(c.R), g+uint32(c.G), b+uint32(c.B), a+uint32(c.A)
			}
			below := to.RGBAAt(at.Min.X+x, at.Min.Y+y) // shows through where the picture is not opaque
			rest := 0xff - uint32(mean(a))
			over := func(sum uint32, c uint8) uint8 { return mean(sum) + uint8(uint32(c)*rest/0xff) }
			to.SetRGBA(at.Min.X+x, at.Min.Y+y, color.RGBA{over(r, below.R), over(g, below.G), over(b, below.B), over(a, below.A)})
		}
	}
}

// under is the place in the source of a sample of a pixel.
func under(pixel, sample, drawn, first, size int) int {
	return first + (2*(pixel*samples+sample)+1)*size/(2*drawn*samples)
}

func mean(sum uint32) uint8 { return uint8(sum / (samples * samples) >> 8) }
