package e2e

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// inspectorPicture is the picture of the inspector in the README. It is written only on
// request, after the five minutes that its plots show:
//
//	go test -run TestPictureOfTheInspector -inspector ../docs/inspector.png
var inspectorPicture = flag.String("inspector", "", "where to write the README's picture of the inspector")

const inspectorBytes = 170 << 10 // it has more text than the picture of the example

func TestPictureOfTheInspectorIsSmall(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	overview := o.inspect("")
	overview.screen(1140, "light")
	overview.must(chromedp.EmulateViewport(1140, 1080))
	overview.isLive()
	if *inspectorPicture != "" {
		o.worksFor(time.Minute)
	}
	o.opens()
	o.connect(0, "42", "")
	if *inspectorPicture != "" {
		o.worksFor(4 * time.Minute)
	}
	o.unwatches("42", "PROJECT_7")
	why := o.inspect("/why?user=42&part=PROJECT_7")
	why.screen(400, "light")
	why.must(chromedp.EmulateViewport(400, 1080))
	offset := value[int](why, `Number(document.querySelector("tbody a").innerText)`)
	why.visit(o.url + fmt.Sprintf("/admin/pull/why?user=42&offset=%d", offset))
	overview.until(`document.querySelector("#pull-live path").getTotalLength() > 60`)

	picture := sideBySide(overview.picture(), why.picture())

	if len(picture) > inspectorBytes {
		t.Errorf("the picture has %d bytes, want at most %d", len(picture), inspectorBytes)
	}
	if *inspectorPicture == "" {
		return
	}
	if err := os.WriteFile(*inspectorPicture, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
