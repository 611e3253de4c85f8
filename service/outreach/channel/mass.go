package channel

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
	"zhiyin/service/privacy"
	"zhiyin/wecom"
)

// The names of the channels that speak through mass messages. Names are data.
const (
	NameMass      = "mass"       // 企业群发
	NameGroupMass = "group_mass" // 客户群群发
)

// mass sends 企业群发 to customers, or with groups to customer groups. The platform makes a task of it, which the sender has
// to confirm: what becomes of it is read later.
type mass struct {
	*Service
	groups bool
}

// Describe implements outreach.Channel. Platform documentation, 客户联系 · 创建企业群发: 10,000 customers or 2,000 groups a call.
func (m *mass) Describe() outreach.Description {
	d := outreach.Description{
		Name: NameMass, Zh: "企业群发", En: "WeCom mass message", Batch: wecom.MassCustomers, Senders: true, Consent: privacy.Marketing,
		Contents: []message.Kind{message.KindText, message.KindImage, message.KindLink, message.KindMiniApp, message.KindVideo, message.KindFile},
		Doubt:    outreach.DoubtReconcile, SettleTime: 2 * time.Minute,
		Reports: []outreach.State{outreach.Sent, outreach.Failed}, Limits: []outreach.Limit{{Calls: 5, Per: time.Second}}, Concurrency: 4,
	}
	if m.groups {
		d.Name, d.Zh, d.En, d.To, d.Batch, d.Consent = NameGroupMass, "客户群群发", "WeCom mass message to groups", outreach.ToGroups, wecom.MassGroups, ""
	}
	return d
}

// massCall is what Send needs of a call.
type massCall struct {
	userID  string
	content message.Content
	handles map[int64]string
	targets []target
}

// Prepare implements outreach.Channel: one call for each sender and content.
func (m *mass) Prepare(ctx context.Context, claimed []outreach.Delivery) (calls []outreach.Call, refused []outreach.Refusal, err error) {
	senders, kept, refused, err := m.senders(ctx, claimed)
	if err != nil {
		return nil, nil, err
	}
	names := make(map[int64]int64, len(senders))
	for id, r := range senders {
		names[id] = r.StaffID
	}
	list, unsaid, err := m.write(ctx, kept, names)
	if err != nil {
		return nil, nil, err
	}
	refused = append(refused, unsaid...)
	handles, err := m.handles(ctx, list)
	if err != nil {
		return nil, nil, err
	}
	together := map[string][]written{}
	for _, w := range list {
		if reason := fitsMass(&w.content); reason != "" {
			refused = append(refused, broken(w.ID, reason))
			continue
		}
		if slices.ContainsFunc(mediaIDs(&w.content), func(id int64) bool { return handles[id] == "" }) {
			refused = append(refused, m.soon(w.ID, ReasonUploading, 20*time.Second))
			continue
		}
		key := senders[w.ID].UserID + " " + digest(&w.content)
		together[key] = append(together[key], w)
	}
	for _, key := range slices.Sorted(maps.Keys(together)) {
		for part := range slices.Chunk(together[key], m.Describe().Batch) {
			if len(part) == 1 && !m.groups {
				m.traceMass(&part[0])
			}
			calls = append(calls, m.callOf(part, senders, handles))
		}
	}
	return calls, refused, nil
}

func (m *mass) callOf(part []written, senders map[int64]follower, handles map[int64]string) outreach.Call {
	first := senders[part[0].ID]
	c := &massCall{userID: first.UserID, content: part[0].content, handles: handles}
	call := outreach.Call{StaffID: first.StaffID, MessageID: part[0].MessageID, Marker: textMark(c.content.Text), Payload: c}
	for _, w := range part {
		call.Deliveries = append(call.Deliveries, w.Delivery)
		c.targets = append(c.targets, target{w.ID, senders[w.ID].ExternalUserID, massOpen})
	}
	return call
}

// senders finds through whom each delivery goes: the member named, or else whoever met the customer last (see ways); of a group its
// owner. ExternalUserID of the answer is the recipient, also of a group.
func (m *mass) senders(ctx context.Context, claimed []outreach.Delivery) (by map[int64]follower, kept []outreach.Delivery, refused []outreach.Refusal, err error) {
	by = make(map[int64]follower, len(claimed))
	if len(claimed) == 0 {
		return by, nil, nil, nil
	}
	take := func(d outreach.Delivery, f follower, ok bool, reason string) {
		if !ok {
			refused = append(refused, never(d.ID, reason))
			return
		}
		by[d.ID] = f
		kept = append(kept, d)
	}
	db, account := m.DB.WithContext(ctx), claimed[0].AccountID
	if m.groups {
		groups, err := ownedGroups(db, account, column(claimed, func(d outreach.Delivery) int64 { return d.GroupID }))
		if err != nil {
			return nil, nil, nil, err
		}
		for _, d := range claimed {
			g, ok := groups[d.GroupID]
			take(d, follower{StaffID: g.StaffID, UserID: g.UserID, ExternalUserID: g.ChatID}, ok && (d.StaffID == 0 || d.StaffID == g.StaffID), ReasonNoGroup)
		}
		return by, kept, refused, nil
	}
	all, err := ways(db, claimed[0], column(claimed, func(d outreach.Delivery) int64 { return d.CustomerID }))
	if err != nil {
		return nil, nil, nil, err
	}
	for _, d := range claimed {
		if d.CustomerID == 0 {
			take(d, follower{}, false, ReasonNoCustomer)
			continue
		}
		of := all[d.CustomerID]
		if len(of) == 0 {
			take(d, follower{}, false, ReasonNoRelation)
			continue
		}
		take(d, of[0], true, "")
	}
	return by, kept, refused, nil
}

// column collects one number of each delivery, each once and without zeros.
func column(list []outreach.Delivery, of func(outreach.Delivery) int64) []int64 {
	out := make([]int64, 0, len(list))
	for _, d := range list {
		if id := of(d); id != 0 {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// handles are the platform's names for the files of contents.
func (s *Service) handles(ctx context.Context, list []written) (map[int64]string, error) {
	var ids []int64
	for i := range list {
		ids = append(ids, mediaIDs(&list[i].content)...)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	slices.Sort(ids)
	return s.Media.Handles(ctx, slices.Compact(ids))
}

// fitsMass says what is wrong with a content for a mass message; empty: nothing.
func fitsMass(c *message.Content) string {
	if c.Text == "" && len(c.Attachments) == 0 || len(c.Text) > 4000 || len(c.Attachments) > 9 {
		return ReasonContent
	}
	return ""
}

// traceMass has the short links of a message that goes to one customer alone tell who followed them, if it still fits then.
func (m *mass) traceMass(w *written) {
	own := w.content
	own.Attachments = slices.Clone(own.Attachments)
	if m.trace(&own, w.ID); fitsMass(&own) == "" {
		w.content = own
	}
}

// Send implements outreach.Channel. What the platform answers is written down at once: another process may settle the call.
func (m *mass) Send(ctx context.Context, c outreach.Call) (outreach.Outcome, error) {
	in := c.Payload.(*massCall)
	_, corp, err := m.corpOf(ctx, c.AccountID)
	if err != nil {
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater}}, nil
	}
	out := wecom.Mass{Sender: in.userID, Text: in.content.Text, Attachments: attachments(&in.content, in.handles)}
	ids := make([]string, len(in.targets))
	for i, t := range in.targets {
		ids[i] = t.external
	}
	if m.groups {
		out.ChatIDs = ids
	} else {
		out.CustomerIDs = ids
	}
	made, err := corp.CreateMass(ctx, out)
	if err != nil {
		return m.refusedCall(ctx, in, err)
	}
	missed := map[string]bool{}
	for _, id := range made.Failed {
		missed[id] = true
	}
	for i := range in.targets {
		if missed[in.targets[i].external] {
			in.targets[i].fate = massMissed
		}
	}
	if err := m.keepTask(ctx, &c, in.userID, made.MessageID, in.targets); err != nil {
		return outreach.Outcome{}, err // the platform has it: Reconcile will find it
	}
	return massOutcome(made.MessageID, in.targets), nil
}

func (m *mass) refusedCall(ctx context.Context, in *massCall, err error) (outreach.Outcome, error) {
	switch {
	case errors.Is(err, wecom.ErrNobodyToSend):
		return failed(outreach.ClassRelation, ReasonFailList), nil
	case errors.Is(err, wecom.ErrMediaGone):
		if err := m.Media.Forgotten(ctx, mediaIDs(&in.content)); err != nil {
			m.Logger.WarnContext(ctx, "channel: media can't be uploaded anew", "error", err)
		}
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater, Reason: ReasonUploading}}, nil
	}
	return m.outcome(err)
}

// massOutcome names those whom the platform left out.
func massOutcome(messageID string, targets []target) outreach.Outcome {
	o := accepted(messageID)
	for _, t := range targets {
		if t.fate == massMissed {
			o.Results = append(o.Results, outreach.Result{ID: t.delivery, Fate: outreach.FateFailed, Class: outreach.ClassRelation, Reason: ReasonFailList})
		}
	}
	return o
}

// attachments are a content's attachments as the platform wants them.
func attachments(c *message.Content, handles map[int64]string) (out []wecom.Attachment) {
	for _, a := range c.Attachments {
		handle := handles[a.MediaID]
		switch a.Kind {
		case message.KindImage:
			out = append(out, wecom.Attachment{Image: &wecom.Image{MediaID: handle}})
		case message.KindVideo:
			out = append(out, wecom.Attachment{Video: &wecom.File{MediaID: handle}})
		case message.KindFile:
			out = append(out, wecom.Attachment{File: &wecom.File{MediaID: handle}})
		case message.KindLink:
			out = append(out, wecom.Attachment{Link: &wecom.Link{Title: a.Title, PicURL: a.PictureURL, Description: a.Description, URL: a.URL}})
		case message.KindMiniApp:
			out = append(out, wecom.Attachment{MiniProgram: &wecom.MiniProgram{Title: a.Title, PicMediaID: handle, AppID: a.AppID, Page: cmp.Or(a.Page, "pages/index")}})
		}
	}
	return out
}
