package e2e

import (
	"bytes"
	"context"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"iter"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// screenshot is the picture in the README. It is written only on request:
//
//	go test -run TestScreenshot -screenshot ../docs/example.png
var screenshot = flag.String("screenshot", "", "where to write the README's picture of the example")

const screenshotBytes = 150 << 10 // a limit for what readers of the README load

// The picture shows two users, one of them on a mobile page, after they have
// changed the list and sent each other messages.
func TestScreenshotOfTheExampleIsSmall(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	ann := newPerson(t, "ann").open(t, e.url+"/")
	bob := newPerson(t, "bob").open(t, e.url+"/m")
	ann.screen(1000, "light")
	bob.screen(400, "light")
	ann.connected()
	bob.connected()
	for _, title := range []string{"Bread", "Milk", "A birthday cake"} {
		bob.submit("/tasks", "title", title)
		ann.shows("#tasks .title", title)
		bob.shows("#tasks .title", title)
	}
	ann.run(`document.querySelector("#tasks [name=done]").click()`)
	bob.until(`document.querySelector("#tasks [name=done]").checked`)
	ann.submit("/say", "text", "I have the bread.")
	bob.shows("#messages span", "I have the bread.")
	for _, page := range []*tab{ann, bob} {
		page.run(`document.activeElement.blur(), document.querySelectorAll(".toasts > *").forEach((one) => one.remove())`)
	}

	picture := sideBySide(ann.picture(), bob.picture())

	if len(picture) > screenshotBytes {
		t.Errorf("the picture has %d bytes, want at most %d", len(picture), screenshotBytes)
	}
	if *screenshot == "" {
		return
	}
	if err := os.WriteFile(*screenshot, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

// picture returns a screenshot of the tab.
func (p *tab) picture() image.Image {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.Fatal(err)
	}
	decoded, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		p.Fatal(err)
	}
	return decoded
}

// sideBySide returns a PNG of the pictures in one row.
func sideBySide(pictures ...image.Image) []byte {
	const gap = 16
	size := image.Pt(-gap, 0)
	for _, p := range pictures {
		size = image.Pt(size.X+gap+p.Bounds().Dx(), max(size.Y, p.Bounds().Dy()))
	}
	row := image.NewRGBA(image.Rectangle{Max: size})
	draw.Draw(row, row.Bounds(), image.NewUniform(color.RGBA{R: 0xd0, G: 0xd2, B: 0xdc, A: 0xff}), image.Point{}, draw.Src)
	at := row.Bounds()
	for _, p := range pictures {
		draw.Draw(row, at, p, p.Bounds().Min, draw.Src)
		at.Min.X += p.Bounds().Dx() + gap
	}
	var encoded bytes.Buffer
	_ = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&encoded, paletted(row)) // a buffer never fails
	return encoded.Bytes()
}

// paletted returns a picture in at most 256 colors, which is much smaller as a PNG: those
// that it has most of, except for those that look like one of them.
func paletted(picture *image.RGBA) *image.Paletted {
	pixels := make(map[color.RGBA]int)
	for at := range positions(picture) {
		pixels[picture.RGBAAt(at.X, at.Y)]++
	}
	colors := slices.Collect(maps.Keys(pixels))
	slices.SortFunc(colors, func(a, b color.RGBA) int { return pixels[b] - pixels[a] })
	var palette color.Palette
	for _, c := range colors {
		if len(palette) < 256 && (len(palette) == 0 || !alike(c, palette.Convert(c).(color.RGBA))) {
			palette = append(palette, c)
		}
	}
	nearest := make(map[color.RGBA]uint8, len(colors))
	for _, c := range colors {
		nearest[c] = uint8(palette.Index(c))
	}
	result := image.NewPaletted(picture.Bounds(), palette)
	for at := range positions(picture) {
		result.SetColorIndex(at.X, at.Y, nearest[picture.RGBAAt(at.X, at.Y)])
	}
	return result
}

// alike reports whether two colors can hardly be told from one another.
func alike(a, b color.RGBA) bool {
	const most = 8
	near := func(a, b uint8) bool { return max(a, b)-min(a, b) <= most }
	return near(a.R, b.R) && near(a.G, b.G) && near(a.B, b.B)
}

// positions returns the places of all pixels.
func positions(picture image.Image) iter.Seq[image.Point] {
	size := picture.Bounds()
	return func(yield func(image.Point) bool) {
		for y := size.Min.Y; y < size.Max.Y; y++ {
			for x := size.Min.X; x < size.Max.X; x++ {
				if !yield(image.Pt(x, y)) {
					return
				}
			}
		}
	}
}
