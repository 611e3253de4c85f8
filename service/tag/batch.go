package tag

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/customer"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// The actions, targets and states of batches. Names are data.
const (
	ActionAdd    = "add"
	ActionRemove = "remove"

	TargetList    = "list"
	TargetSegment = "segment"
	TargetFilter  = "filter"

	BatchWaiting   = "waiting"
	BatchRunning   = "running"
	BatchDone      = "done"
	BatchCancelled = "cancelled"
	BatchFailed    = "failed"
)

// MaxBatchList is how many customers a batch may be given by name.
const MaxBatchList = 10_000

// What can go wrong with batches.
var (
	ErrBatch      = fault.New(fault.Invalid, "tag.bad_batch", "批量打标的内容有误", "This batch can't be made")
	ErrBatchEnded = fault.New(fault.Conflict, "tag.batch_ended", "批量任务已经结束", "The batch has ended")
	ErrNoBatch    = fault.New(fault.NotFound, "tag.no_batch", "没有这个批量任务", "No such batch")
	ErrNoSegment  = fault.New(fault.NotFound, "tag.no_segment", "没有这个人群", "No such segment")
)

// Segments is what this package asks of segments: their members, by row id.
type Segments interface {
	// Members gives the next members above a customer's row id, in their order; all of them by and by.
	Members(ctx context.Context, segmentID, after int64, limit int) ([]int64, error)
	// Size counts the members, or fails when there is no such segment.
	Size(ctx context.Context, segmentID int64) (int64, error)
}

// UseSegments hands in the members of segments. Call it while parts are put together; without, batches of
// segments are refused.
func (s *Service) UseSegments(segments Segments) { s.segments = segments }

// NewBatch is what to do to many customers. Exactly one of CustomerIDs, SegmentID and Filter is set.
type NewBatch struct {
	Action      string
	TagIDs      []int64 // at most 50
	CustomerIDs []int64 // at most MaxBatchList
	SegmentID   int64
	Filter      *customer.Filter
	ExpiresAt   *time.Time // of what is added
}

// StartBatch begins to give many customers tags, or to take them away, in the background. What its owner
// may not see, and who is not there, is counted as refused. It fails with ErrBatch, ErrEnded, ErrNotFound
// or ErrNoSegment.
func (s *Service) StartBatch(ctx context.Context, v *staff.Viewer, in NewBatch) (*model.TagBatch, error) {
	row, err := s.newBatch(ctx, v, in)
	if err != nil {
		return nil, err
	}
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		tags, err := tagsByID(tx, in.TagIDs)
		if err != nil {
			return err
		}
		if len(tags) != len(distinct(in.TagIDs)) {
			return ErrNotFound
		}
		row.ID = 0 // a transaction may run again
		if err := insertBatch(tx, row, distinct(in.CustomerIDs)); err != nil {
			return err
		}
		return s.queue.Enqueue(tx, work.Item{Kind: workBatch, Payload: batchRef{row.ID}, Lane: work.LaneBulk})
	})
	return row, err
}

func (s *Service) newBatch(ctx context.Context, v *staff.Viewer, in NewBatch) (*model.TagBatch, error) {
	row := &model.TagBatch{Action: in.Action, ExpiresAt: in.ExpiresAt, StaffID: v.StaffID, State: BatchWaiting, Total: -1}
	targets := 0
	if len(in.CustomerIDs) > 0 {
		targets++
		row.Target, row.Total = TargetList, int64(len(distinct(in.CustomerIDs)))
	}
	if in.SegmentID != 0 {
		targets++
		row.Target, row.TargetID = TargetSegment, in.SegmentID
	}
	if in.Filter != nil {
		targets++
		row.Target, row.Filter = TargetFilter, asJSON(in.Filter)
	}
	n := len(in.TagIDs)
	switch {
	case targets != 1, n == 0, n > 50, len(in.CustomerIDs) > MaxBatchList, in.Action != ActionAdd && in.Action != ActionRemove:
		return nil, ErrBatch
	case in.ExpiresAt != nil && in.Action == ActionRemove:
		return nil, ErrBatch
	case in.ExpiresAt != nil && !in.ExpiresAt.After(s.now()):
		return nil, ErrEnded
	}
	row.TagIDs = asJSON(distinct(in.TagIDs))
	if row.Target != TargetSegment {
		return row, nil
	}
	if s.segments == nil {
		return nil, ErrNoSegment
	}
	var err error
	row.Total, err = s.segments.Size(ctx, in.SegmentID)
	return row, err
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain values
	}
	return string(b)
}

// Batch gives one batch: of anybody to those who may change tags, else one's own. It fails with ErrNoBatch.
func (s *Service) Batch(ctx context.Context, v *staff.Viewer, id int64) (*model.TagBatch, error) {
	return batchByID(s.db.WithContext(ctx), id, onlyOf(v))
}

// Batches lists batches likewise, newest first, from below a row id (0: from the newest).
func (s *Service) Batches(ctx context.Context, v *staff.Viewer, before int64, limit int) ([]model.TagBatch, error) {
	return batchesBefore(s.db.WithContext(ctx), onlyOf(v), before, limit)
}

// onlyOf is whose batches a viewer sees; 0: everybody's.
func onlyOf(v *staff.Viewer) int64 {
	if v.May("tag.write") {
		return 0
	}
	return v.StaffID
}

// CancelBatch stops a batch before its next customers. What is done stays. It fails with ErrNoBatch or
// ErrBatchEnded.
func (s *Service) CancelBatch(ctx context.Context, v *staff.Viewer, id int64) error {
	if _, err := s.Batch(ctx, v, id); err != nil {
		return err
	}
	stopped, err := askCancel(s.db.WithContext(ctx), id)
	if err == nil && !stopped {
		return ErrBatchEnded
	}
	return err
}

const workBatch = "tag.batch"

// batchRef is the payload of a work: which batch to go on with.
type batchRef struct {
	BatchID int64 `json:"batch_id"`
}

const (
	batchPage = 200
	// batchTurn is how long one attempt goes on before others have a turn.
	batchTurn = 20 * time.Second
)

// runBatch goes on with a batch from where it is. Page, counts and place are committed together, so
// that a process which dies leaves a batch that another finishes, with every customer counted once.
func (s *Service) runBatch(ctx context.Context, _ *work.Lease, p batchRef) error {
	for began := time.Now(); ; {
		if time.Since(began) > batchTurn {
			return work.Snooze(0)
		}
		more, err := s.batchPage(ctx, p.BatchID)
		if err != nil || !more {
			return err
		}
	}
}

// errMoved says that somebody else has gone on with the batch meanwhile.
var errMoved = errors.New("the batch has moved on")

func (s *Service) batchPage(ctx context.Context, id int64) (more bool, err error) {
	db := s.db.WithContext(ctx)
	b, err := batchByID(db, id, 0)
	if err != nil || b.EndedAt != nil {
		return false, err
	}
	v, err := viewerNow(db, b.StaffID)
	if err != nil {
		return false, err
	}
	if v == nil || !v.May("tag.batch") {
		return false, s.endBatch(ctx, b, BatchFailed, "发起人已无权限 (its owner may not do this any more)")
	}
	page, next, err := s.pageOf(ctx, v, b)
	if fault.Of(err) != nil {
		return false, s.endBatch(ctx, b, BatchFailed, fault.Of(err).Zh+" ("+fault.Of(err).En+")")
	}
	if err != nil {
		return false, err
	}
	visible, err := s.customers.Visible(ctx, v, page)
	if err != nil {
		return false, err
	}
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) (err error) {
		more, err = s.writePage(tx, b, page, visible, next)
		return err
	})
	if errors.Is(err, errMoved) {
		return true, nil
	}
	return more, err
}

// pageOf gives the next customers of a batch, and where it is after them; empty after the last.
func (s *Service) pageOf(ctx context.Context, v *staff.Viewer, b *model.TagBatch) (ids []int64, next string, err error) {
	switch b.Target {
	case TargetList:
		return listPage(s.db.WithContext(ctx), b)
	case TargetSegment:
		if s.segments == nil {
			return nil, "", ErrNoSegment
		}
		ids, err = s.segments.Members(ctx, b.TargetID, number(b.Position), batchPage)
		if err == nil && len(ids) == batchPage {
			next = asJSON(ids[len(ids)-1])
		}
		return ids, next, err
	}
	var f customer.Filter
	if err := json.Unmarshal([]byte(b.Filter), &f); err != nil {
		return nil, "", ErrBatch
	}
	f.Cursor, f.Limit = b.Position, batchPage
	page, err := s.customers.List(ctx, v, f)
	if err != nil {
		return nil, "", err
	}
	for _, it := range page.Items {
		ids = append(ids, it.ID)
	}
	return ids, page.Next, nil
}

// writePage does one page, unless the batch was cancelled, or another has done it.
func (s *Service) writePage(tx *gorm.DB, was *model.TagBatch, page, visible []int64, next string) (more bool, err error) {
	b, err := lockBatch(tx, was.ID)
	switch {
	case err != nil:
		return false, err
	case b.EndedAt != nil:
		return false, nil
	case b.Position != was.Position || b.Done != was.Done:
		return false, errMoved
	case b.CancelAsked:
		return false, finishBatch(tx, b, BatchCancelled, "", s.now())
	}
	var tags []int64
	if err := json.Unmarshal([]byte(b.TagIDs), &tags); err != nil {
		return false, err
	}
	live, err := tagsByID(tx, tags)
	if err != nil {
		return false, err
	}
	if len(live) != len(tags) {
		return false, finishBatch(tx, b, BatchFailed, "标签已被删除 (a tag was deleted)", s.now())
	}
	in := Giving{CustomerIDs: visible, Origin: Origin{SourceBatch, b.ID}, ExpiresAt: b.ExpiresAt, Bulk: true}
	if b.Action == ActionAdd {
		in.Add = tags
	} else {
		in.Remove = tags
	}
	given, err := s.GiveTx(tx, in)
	if err != nil {
		return false, err
	}
	b.Done += int64(len(page))
	b.Changed += int64(len(given.Changed))
	b.Unchanged += int64(len(given.Unchanged))
	b.Refused += int64(len(page) - len(given.Changed) - len(given.Unchanged))
	b.Position = next
	if next == "" {
		b.Total = b.Done
		return false, finishBatch(tx, b, BatchDone, "", s.now())
	}
	return true, saveBatch(tx, b, s.now())
}

func (s *Service) endBatch(ctx context.Context, was *model.TagBatch, state, reason string) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		b, err := lockBatch(tx, was.ID)
		if err != nil || b.EndedAt != nil {
			return err
		}
		return finishBatch(tx, b, state, reason, s.now())
	})
}

func number(text string) (n int64) {
	if text != "" {
		_ = json.Unmarshal([]byte(text), &n) // written by us
	}
	return n
}

// listPage is a part of the customers that a batch was given by name.
func listPage(db *gorm.DB, b *model.TagBatch) (ids []int64, next string, err error) {
	part := int(number(b.Position))
	rows, err := batchParts(db, b.ID, part)
	if err != nil || len(rows) == 0 {
		return nil, "", err
	}
	if err := json.Unmarshal([]byte(rows[0].CustomerIDs), &ids); err != nil {
		return nil, "", err
	}
	if len(rows) > 1 {
		next = asJSON(part + 1)
	}
	return slices.Clone(ids), next, nil
}
