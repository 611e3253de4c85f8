package coupon

import (
	"bytes"
	"encoding/json"
	"fmt"

	"zhiyin/model"
)

// Terms is what people set of a kind: each kind has fields of its own and leaves the others at zero.
type Terms struct {
	OffFen  model.Fen `json:"off_fen,omitempty"`
	OffBP   int64     `json:"off_bp,omitempty"`
	CapFen  model.Fen `json:"cap_fen,omitempty"`
	FaceFen model.Fen `json:"face_fen,omitempty"`
	Pieces  int64     `json:"pieces,omitempty"`
	Buy     int64     `json:"buy,omitempty"`
	Get     int64     `json:"get,omitempty"`
	Steps   []Step    `json:"steps,omitempty"`
}

// Step is one step of a ladder: from so much on, so much off.
type Step struct {
	FromFen model.Fen `json:"from_fen"`
	OffFen  model.Fen `json:"off_fen"`
}

// termsOf reads what was set for a kind, or says why it can't be.
func termsOf(k *kind, raw json.RawMessage) (t Terms, field, why string) {
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return t, "terms", "无法识别 / can't be read"
	}
	set := t.set()
	for _, f := range k.Fields {
		v, given := set[f.Name]
		delete(set, f.Name)
		if !given && f.Required {
			return t, "terms." + f.Name, "必填 / needed"
		}
		if given && (v < f.Min || v > f.Max) {
			return t, "terms." + f.Name, fmt.Sprintf("%d–%d", f.Min, f.Max)
		}
	}
	for name := range set {
		return t, "terms." + name, "此类券没有这一项 / not of this kind"
	}
	if k.check != nil {
		if why := k.check(t); why != "" {
			return t, "terms", why
		}
	}
	return t, "", ""
}

// set is what is not at zero; of steps how many there are.
func (t Terms) set() map[string]int64 {
	m := map[string]int64{}
	for name, v := range map[string]int64{
		"off_fen": int64(t.OffFen), "off_bp": t.OffBP, "cap_fen": int64(t.CapFen), "face_fen": int64(t.FaceFen),
		"pieces": t.Pieces, "buy": t.Buy, "get": t.Get, "steps": int64(len(t.Steps)),
	} {
		if v != 0 {
			m[name] = v
		}
	}
	return m
}

func risingSteps(t Terms) string {
	var last Step
	for _, s := range t.Steps {
		if s.FromFen <= last.FromFen || s.OffFen <= last.OffFen || s.OffFen > s.FromFen || s.FromFen > maxFen {
			return "门槛和减免须逐级升高，且减免不超过门槛 / each step asks more and gives more, and no more than it asks"
		}
		last = s
	}
	return ""
}

// worth is the most that one coupon can cost, as far as its kind says; 0: it depends on the order.
func (t Terms) worth() model.Fen {
	w := max(t.OffFen, t.FaceFen, t.CapFen)
	for _, s := range t.Steps {
		w = max(w, s.OffFen)
	}
	return w
}

// faceOf is the face value of stored terms; 0: it is not stored value.
func faceOf(terms string) int64 {
	var t Terms
	_ = json.Unmarshal([]byte(terms), &t) // written by us
	return int64(t.FaceFen)
}
