package referral

import (
	"crypto/sha256"
	"net/http"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/moderation"
)

// write makes a content a customer's own, with what is known of it.
func (h *house) write(customerID int64, field, content, state string) {
	h.t.Helper()
	hash := sha256.Sum256([]byte(field + "\x00" + content))
	h.must(h.DB.Model(&model.Customer{}).Where("id = ?", customerID).UpdateColumn(field, content).Error)
	h.must(h.DB.Where("customer_id = ? AND field = ?", customerID, field).Delete(&model.ContentCheck{}).Error)
	modeltest.Create(h.t, h.DB, &model.ContentCheck{CustomerID: customerID, Field: field, Hash: hash[:], State: state, CreatedAt: h.Now(), UpdatedAt: h.Now()})
}

func TestS26_InvitationsShowOnlyWhatHasPassed(t *testing.T) {
	h := newHouse(t)
	w := &wire{answer: says(200, filled(100, 100, blue))}
	h.Pictures, h.picture = &http.Client{Transport: w}, filled(50, 30, green)
	p := h.published(with(func(d *Definition) { d.BackgroundID = 3 }))
	me := h.customer()
	invitee := h.invited(p, me).InviteeID
	for _, state := range []string{moderation.Waiting, moderation.Review, moderation.Refused} {
		h.write(me, "avatar", "https://wx.qlogo.cn/"+state, state)
		h.write(invitee, "name", "坏名字", state)
		if m, _ := h.drawn(p, me); at(m, 300, 420) != green || w.asked.Load() != 0 {
			t.Errorf("%s: an avatar is on the poster: %v, fetched %d times", state, at(m, 300, 420), w.asked.Load())
		}
		if list := must(h.Friends(t.Context(), me, p.ID, 0, 10))(t); len(list) != 1 || list[0].Name != "**" {
			t.Errorf("%s: friends are shown as %+v", state, list)
		}
	}
	h.write(me, "avatar", "https://wx.qlogo.cn/good", moderation.Passed)
	h.write(invitee, "name", "好名字", moderation.Passed)
	if m, _ := h.drawn(p, me); at(m, 300, 420) != blue {
		t.Errorf("an avatar that has passed is not on the poster: %v", at(m, 300, 420))
	}
	if list := must(h.Friends(t.Context(), me, p.ID, 0, 10))(t); list[0].Name != "好**" {
		t.Errorf("friends are shown as %+v", list)
	}
	// What has passed is taken down later: no poster that was remembered shows it.
	h.write(me, "avatar", "https://wx.qlogo.cn/good", moderation.Refused)
	if m, _ := h.drawn(p, me); at(m, 300, 420) != green {
		t.Error("a remembered poster shows what was taken down")
	}
}
