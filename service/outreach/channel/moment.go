package channel

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
	"zhiyin/wecom"
)

// NameMoment is the channel of 客户朋友圈. Names are data.
const NameMoment = "moment"

// moment asks members of staff to publish a post. A delivery names no customer: it is one post, by one member of staff or,
// with none named, by everybody who may. It counts as sent once the first has published.
type moment struct{ *Service }

// Describe implements outreach.Channel. Platform documentation, 客户联系 · 企业发表内容到客户的朋友圈: ten a minute.
func (m *moment) Describe() outreach.Description {
	return outreach.Description{
		Name: NameMoment, Zh: "客户朋友圈", En: "WeCom moments", To: outreach.ToStaff, Senders: true,
		// Each call has one delivery; two could share one, so that each has a row of its own in the ledger.
		Batch:    2,
		Contents: []message.Kind{message.KindText, message.KindImage, message.KindVideo, message.KindLink},
		Doubt:    outreach.DoubtReconcile, SettleTime: 5 * time.Minute,
		Reports: []outreach.State{outreach.Sent, outreach.Failed}, Limits: []outreach.Limit{{Calls: 8, Per: time.Minute}}, Concurrency: 2,
		Timeout: 2 * time.Minute, // with its pictures
	}
}

type momentCall struct {
	userID  string
	content message.Content
}

// Prepare implements outreach.Channel.
func (m *moment) Prepare(ctx context.Context, claimed []outreach.Delivery) (calls []outreach.Call, refused []outreach.Refusal, err error) {
	list, refused, err := m.write(ctx, claimed, nil)
	if err != nil || len(list) == 0 {
		return nil, refused, err
	}
	userID := ""
	if id := list[0].StaffID; id != 0 {
		if userID, err = staffUserID(m.DB.WithContext(ctx), list[0].AccountID, id); err != nil {
			return nil, nil, err
		}
	}
	for _, w := range list {
		switch {
		case w.StaffID != 0 && userID == "":
			refused = append(refused, never(w.ID, ReasonNoStaff))
		case !fitsMoment(&w.content):
			refused = append(refused, broken(w.ID, ReasonContent))
		default:
			calls = append(calls, outreach.Call{
				StaffID: w.StaffID, MessageID: w.MessageID, Deliveries: []outreach.Delivery{w.Delivery}, Marker: textMark(w.content.Text),
				Payload: &momentCall{userID, w.content},
			})
		}
	}
	return calls, refused, nil
}

func fitsMoment(c *message.Content) bool {
	images, others := 0, 0
	for _, a := range c.Attachments {
		switch a.Kind {
		case message.KindImage:
			images++
		case message.KindVideo, message.KindLink:
			others++
		default:
			return false
		}
	}
	return (c.Text != "" || images+others > 0) && utf8.RuneCountInString(c.Text) <= 2000 && images <= 9 && others <= 1 && (images == 0 || others == 0)
}

// Send implements outreach.Channel.
func (m *moment) Send(ctx context.Context, c outreach.Call) (outreach.Outcome, error) {
	in := c.Payload.(*momentCall)
	_, corp, err := m.corpOf(ctx, c.AccountID)
	if err != nil {
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater}}, nil
	}
	parts, err := m.parts(ctx, corp, &in.content)
	if err != nil {
		o, lost := m.outcome(err)
		if lost != nil { // an upload in doubt is no post
			return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater, Reason: ReasonUploading}}, nil
		}
		return o, nil
	}
	post := wecom.Moment{Text: in.content.Text, Parts: parts}
	if in.userID != "" {
		post.UserIDs = []string{in.userID}
	}
	job, err := corp.CreateMoment(ctx, post)
	if err != nil {
		return m.outcome(err)
	}
	if err := m.keepTask(ctx, &c, in.userID, job, []target{{c.Deliveries[0].ID, "", massOpen}}); err != nil {
		return outreach.Outcome{}, err
	}
	return accepted(job), nil
}

// parts uploads what the post shows: for moments the platform wants material of its own.
func (m *moment) parts(ctx context.Context, corp Corp, c *message.Content) (parts []wecom.MomentPart, err error) {
	for _, a := range c.Attachments {
		p := wecom.MomentPart{}
		var id string
		if a.MediaID != 0 {
			row, content, err := m.Media.MediaFile(ctx, a.MediaID)
			if err != nil {
				return nil, err
			}
			kind := wecom.MediaImage
			if a.Kind == message.KindVideo {
				kind = wecom.MediaVideo
			}
			up, err := corp.UploadMomentMedia(ctx, kind, row.Name, content)
			if err != nil {
				return nil, err
			}
			id = up.ID
		}
		switch a.Kind {
		case message.KindImage:
			p.Image = &wecom.File{MediaID: id}
		case message.KindVideo:
			p.Video = &wecom.File{MediaID: id}
		case message.KindLink:
			p.Link = &wecom.MomentLink{Title: a.Title, URL: a.URL, MediaID: id}
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// Reconcile implements outreach.Channel: what we wrote down, or else the one post of this time with our text that is
// nobody's. While a job of ours has not told its post, any post may be that job's.
func (m *moment) Reconcile(ctx context.Context, c outreach.Call) (outreach.Found, error) {
	db := m.DB.WithContext(ctx)
	kept, err := taskOfCall(db, c.ID)
	if err != nil {
		return outreach.Found{}, err
	}
	if kept != nil {
		return outreach.Found{Result: accepted(kept.PlatformID).Result}, nil
	}
	_, corp, err := m.corpOf(ctx, c.AccountID)
	if err != nil {
		return outreach.Found{}, err
	}
	var ids []string
	for cursor := ""; ; {
		page, next, err := corp.Moments(ctx, c.BeganAt.Add(-searchBefore), c.BeganAt.Add(searchAfter), cursor)
		if err != nil {
			return outreach.Found{}, fmt.Errorf("list moments: %w", err)
		}
		for _, p := range page {
			if textMark(p.Text.Content) == c.Marker {
				ids = append(ids, p.MomentID)
			}
		}
		if cursor = next; next == "" {
			break
		}
	}
	free, untold, err := freeMoments(db, c.AccountID, ids)
	switch {
	case err != nil:
		return outreach.Found{}, err
	case len(free) == 0:
		return outreach.Found{Result: outreach.Result{Fate: outreach.FateLater}}, nil
	case len(free) > 1 || untold:
		return outreach.Found{}, nil
	}
	userID, err := staffUserID(db, c.AccountID, c.StaffID)
	if err != nil {
		return outreach.Found{}, err
	}
	if err := m.keepTask(ctx, &c, userID, free[0], []target{{c.Deliveries[0].ID, "", massOpen}}); err != nil {
		return outreach.Found{}, err
	}
	return outreach.Found{Result: accepted(free[0]).Result}, setMoment(db, c.ID, free[0])
}

// pollMoment asks for the post that a job made, and for who has published it.
func (s *Service) pollMoment(ctx context.Context, t *model.SenderTask) error {
	_, corp, err := s.corpOf(ctx, t.AccountID)
	if err != nil {
		return err
	}
	if t.MomentID == "" {
		job, err := corp.MomentJob(ctx, t.PlatformID)
		switch {
		case err != nil:
			return errors.Join(err, s.pollLater(ctx, t, 5*time.Minute))
		case !job.Done:
			return s.pollLater(ctx, t, firstPoll)
		case job.MomentID == "":
			return s.closeTask(ctx, t, TaskRefused, fmt.Sprintf("platform_%d", job.Code), outreach.ClassInput)
		}
		t.MomentID = job.MomentID
		if err := updateTask(s.DB.WithContext(ctx), t.ID, map[string]any{"moment_id": job.MomentID}); err != nil {
			return err
		}
	}
	if err := s.readMoment(ctx, corp, t); err != nil {
		return errors.Join(err, s.pollLater(ctx, t, 5*time.Minute))
	}
	if t.Senders > 0 && t.Published == t.Senders && t.Polls >= afterConfirm {
		return s.closeTask(ctx, t, t.Status, ReasonNotConfirmed, outreach.ClassRefused)
	}
	return s.pollLater(ctx, t, waitFor(s.now().Sub(t.CreatedAt)))
}

// readMoment counts who has published, and says that the post is out once the first has.
func (s *Service) readMoment(ctx context.Context, corp Corp, t *model.SenderTask) error {
	senders, published := int64(0), int64(0)
	for cursor := ""; ; {
		page, next, err := corp.MomentTasks(ctx, t.MomentID, cursor)
		if err != nil {
			return err
		}
		for _, p := range page {
			senders++
			if p.Status == 1 {
				published++
			}
		}
		if cursor = next; next == "" {
			break
		}
	}
	t.Senders, t.Published = senders, published
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		targets, version, err := taskTargets(tx, t.ID)
		if err != nil {
			return err
		}
		columns := map[string]any{"senders": senders, "published": published, "updated_at": s.now()}
		var news []News
		if published > 0 && len(targets) > 0 && targets[0].fate == massOpen {
			targets[0].fate = massSent
			news = append(news, News{ID: targets[0].delivery, State: outreach.Sent, At: s.now()})
			columns["targets"], columns["sent"] = packTargets(targets), 1
		}
		if senders > 0 && published == senders {
			columns["status"] = TaskConfirmed
			t.Status = TaskConfirmed
		}
		if err := changeTask(tx, t.ID, version, columns); err != nil {
			return err
		}
		return s.reportTx(tx, news)
	})
}

// endMoment stops those who have not published.
func (s *Service) endMoment(ctx context.Context, corp Corp, t *model.SenderTask, status, reason string) error {
	if t.MomentID != "" {
		if err := corp.CancelMoment(ctx, t.MomentID); err != nil && !errors.Is(err, wecom.ErrNoSuchMoment) {
			return err
		}
		if err := s.readMoment(ctx, corp, t); err != nil && !errors.Is(err, wecom.ErrNoSuchMoment) {
			return err
		}
	}
	if t.Published > 0 {
		status = TaskConfirmed
	}
	return s.closeTask(ctx, t, status, reason, outreach.ClassRefused)
}
