package channel

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/outreach/message"
	"zhiyin/service/privacy"
	"zhiyin/service/staff"
)

// NameTask is the channel of messages that staff send by hand. Names are data.
const NameTask = "task"

// TaskKind is the kind of the tasks it makes. Names are data.
const TaskKind = "send_message"

// task asks a member of staff to send a message from the sidebar. The platform counts nothing of it.
type task struct{ *Service }

// Describe implements outreach.Channel. A task is unique by its delivery, so a repeat does no harm. It counts as sent once the
// member of staff has said so.
func (t *task) Describe() outreach.Description {
	return outreach.Description{
		Name: NameTask, Zh: "成员任务", En: "Task for staff", Batch: 200, Senders: true, ByHand: true, Consent: privacy.Marketing,
		Contents: []message.Kind{message.KindText, message.KindImage, message.KindLink, message.KindMiniApp, message.KindVideo, message.KindFile},
		Doubt:    outreach.DoubtRetry, Reports: []outreach.State{outreach.Sent, outreach.Failed},
	}
}

type taskCall struct{ rows []model.TaskMessage }

// Prepare implements outreach.Channel: the member named, or else whoever met the customer last.
func (t *task) Prepare(ctx context.Context, claimed []outreach.Delivery) (calls []outreach.Call, refused []outreach.Refusal, err error) {
	if len(claimed) == 0 {
		return nil, nil, nil
	}
	account, named := claimed[0].AccountID, claimed[0].StaffID
	all, err := ways(t.DB.WithContext(ctx), claimed[0], column(claimed, func(d outreach.Delivery) int64 { return d.CustomerID }))
	if err != nil {
		return nil, nil, err
	}
	senders, kept := map[int64]int64{}, []outreach.Delivery{}
	for _, d := range claimed {
		of := all[d.CustomerID]
		switch {
		case d.CustomerID == 0:
			refused = append(refused, never(d.ID, ReasonNoCustomer))
		case len(of) == 0:
			refused = append(refused, never(d.ID, ReasonNoRelation))
		default:
			senders[d.ID] = of[0].StaffID
			kept = append(kept, d)
		}
	}
	list, unsaid, err := t.writeEach(ctx, kept, senders)
	if err != nil {
		return nil, nil, err
	}
	refused = append(refused, unsaid...)
	byMessage := map[int64]*outreach.Call{}
	var order []*outreach.Call
	for _, w := range list {
		body, err := json.Marshal(w.content)
		if err != nil {
			return nil, nil, fmt.Errorf("encode what is to be sent: %w", err)
		}
		c := byMessage[w.MessageID]
		if c == nil || len(c.Deliveries) == t.Describe().Batch {
			c = &outreach.Call{MessageID: w.MessageID, StaffID: named, Payload: &taskCall{}}
			byMessage[w.MessageID] = c
			order = append(order, c)
		}
		c.Deliveries = append(c.Deliveries, w.Delivery)
		in := c.Payload.(*taskCall)
		in.rows = append(in.rows, model.TaskMessage{
			DeliveryID: w.ID, AccountID: account, StaffID: senders[w.ID], CustomerID: w.CustomerID, Content: string(body), CreatedAt: t.now(), UpdatedAt: t.now(),
		})
	}
	for _, c := range order {
		calls = append(calls, *c)
	}
	return calls, refused, nil
}

// Send implements outreach.Channel.
func (t *task) Send(ctx context.Context, c outreach.Call) (outreach.Outcome, error) {
	in := c.Payload.(*taskCall)
	err := model.InTx(ctx, t.DB, func(tx *gorm.DB) error {
		for i := range in.rows {
			row, d := in.rows[i], &c.Deliveries[i]
			key := fmt.Sprintf("delivery:%d", d.ID)
			err := t.Tasks.AddTaskTx(tx, staff.TaskInput{
				StaffID: row.StaffID, CustomerID: row.CustomerID, Kind: TaskKind, DedupeKey: key, Title: "给客户发送消息", DueAt: t.now(),
			})
			if err != nil {
				return err
			}
			if row.TaskID, err = taskByKey(tx, key); err != nil {
				return err
			}
			if err := addTaskMessage(tx, &row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return outreach.Outcome{}, err
	}
	return accepted(""), nil
}

// Reconcile implements outreach.Channel; it is never asked.
func (t *task) Reconcile(context.Context, outreach.Call) (outreach.Found, error) {
	return outreach.Found{}, nil
}

// ReportTasks tells the ledger how tasks ended: done is sent, dropped is not. Those whose message has lost its sense it ends. A job; may be
// run at any moment and twice.
func (s *Service) ReportTasks(ctx context.Context) error {
	if err := s.endStaleTasks(ctx); err != nil {
		return err
	}
	for {
		n := 0
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
			ended, err := endedTasks(tx, statementPart)
			if n = len(ended); err != nil || n == 0 {
				return err
			}
			var news []News
			var ids []int64
			for _, e := range ended {
				ids = append(ids, e.ID)
				at := s.now()
				if e.ClosedAt != nil {
					at = *e.ClosedAt
				}
				if e.Status == staff.TaskDone {
					news = append(news, News{ID: e.DeliveryID, State: outreach.Sent, At: at})
				} else {
					news = append(news, News{ID: e.DeliveryID, State: outreach.Failed, At: at, Class: outreach.ClassRefused, Reason: ReasonTaskDropped})
				}
			}
			if err := s.reportTx(tx, news); err != nil {
				return err
			}
			return markReported(tx, ids, s.now())
		})
		if err != nil || n < statementPart {
			return err
		}
	}
}

func (s *Service) endStaleTasks(ctx context.Context) error {
	for {
		n := 0
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
			stale, err := staleTasks(tx, s.now(), statementPart)
			n = len(stale)
			for _, t := range stale {
				if err := s.callOffTx(tx, t.ID, t.TaskID, t.DeliveryID, governor.ReasonExpired); err != nil {
					return err
				}
			}
			return err
		})
		if err != nil || n < statementPart {
			return err
		}
	}
}

// TaskContentOf is what one of the viewer's own tasks asks to be sent. It fails with ErrNothingToSend, also of another's task. A task may
// lie for days, so the governor is asked once more: with ErrUnwanted the task is over, with ErrNotYet it has to wait.
func (s *Service) TaskContentOf(ctx context.Context, v *staff.Viewer, taskID int64) (*message.Content, error) {
	row, err := taskMessageOf(s.DB.WithContext(ctx), taskID)
	if err != nil {
		return nil, err
	}
	if row == nil || row.StaffID != v.StaffID {
		return nil, ErrNothingToSend
	}
	ruling, err := s.Ledger.AskAnew(ctx, row.DeliveryID)
	if err != nil {
		return nil, err
	}
	switch ruling.Verdict {
	case governor.Refuse:
		if err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.callOffTx(tx, row.ID, row.TaskID, row.DeliveryID, ruling.Reason) }); err != nil {
			return nil, err
		}
		return nil, ErrUnwanted.With("reason", ruling.Reason)
	case governor.Later:
		return nil, ErrNotYet.With("reason", ruling.Reason).With("until", ruling.At.Format(time.RFC3339))
	}
	c, err := message.Decode(row.Content)
	return &c, err
}

// callOffTx ends a task whose message nobody is to send any more, and has the ledger know why. One that is over stays as it is.
func (s *Service) callOffTx(tx *gorm.DB, id, taskID, deliveryID int64, why string) error {
	dropped, err := s.Tasks.DropTaskTx(tx, taskID)
	if err != nil || !dropped {
		return err
	}
	if err := markReported(tx, []int64{id}, s.now()); err != nil {
		return err
	}
	return s.reportTx(tx, []News{{ID: deliveryID, State: outreach.Failed, At: s.now(), Class: outreach.ClassRefused, Reason: why}})
}

// TaskOf finds the task by which a delivery is sent; 0: there is none yet.
func (s *Service) TaskOf(ctx context.Context, deliveryID int64) (int64, error) {
	return taskOfDelivery(s.DB.WithContext(ctx), deliveryID)
}

// HandlesOf gives the platform's handles of the files that a content carries; one that it does not have yet is absent.
func (s *Service) HandlesOf(ctx context.Context, c *message.Content) (map[int64]string, error) {
	return s.handles(ctx, []written{{content: *c}})
}

// endedTask is a task that the ledger has to hear the end of.
type endedTask struct {
	ID         int64
	TaskID     int64
	DeliveryID int64
	Status     string
	ClosedAt   *time.Time
}
