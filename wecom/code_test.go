package wecom

import (
	"errors"
	"testing"
)

// TestACodeIsAPicture: an answer that is none is no success, whatever it says of itself.
func TestACodeIsAPicture(t *testing.T) {
	p := newFake(t)
	g, _ := newTestGateway(t, p, nil)
	for body, want := range map[string]error{
		`{"errcode":0,"errmsg":"ok"}`: ErrInDoubt, `{}`: ErrInDoubt, "<html>busy</html>": ErrInDoubt, "": ErrInDoubt, "GIF89a": ErrInDoubt,
		`{"errcode":41030,"errmsg":"invalid page rid: x"}`: ErrBadInput, `{"errcode":45009,"errmsg":"limit"}`: ErrRateLimited,
	} {
		p.on("/weixin/wxa/getwxacodeunlimit", text(body))
		if picture, err := g.MiniApp("mini").Code(t.Context(), CodePicture{Scene: "r=1"}); !errors.Is(err, want) || picture != nil {
			t.Errorf("%q: %d bytes, %v", body, len(picture), err)
		}
		g, _ = newTestGateway(t, p, nil) // no rest after a refusal
	}
	p.on("/weixin/wxa/getwxacodeunlimit", text("\xff\xd8\xff and so on"))
	if picture, err := g.MiniApp("mini").Code(t.Context(), CodePicture{Scene: "r=1"}); err != nil || len(picture) != 13 {
		t.Errorf("a picture: %d bytes, %v", len(picture), err)
	}
}
