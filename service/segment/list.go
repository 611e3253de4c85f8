package segment

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
)

// Page sizes.
const (
	DefaultPage = 50
	MaxPage     = 200
)

// ListFilter selects segments, the newest first.
type ListFilter struct {
	Name  string // a part of it
	Kind  string
	After int64 // the last id of the page before; 0: the first page
	Limit int   // 0: DefaultPage
}

// List gives a page of segments.
func (s *Service) List(ctx context.Context, f ListFilter) ([]model.Segment, error) {
	f.Limit = pageSize(f.Limit)
	return listSegments(s.DB.WithContext(ctx), f)
}

func pageSize(n int) int {
	if n <= 0 {
		return DefaultPage
	}
	return min(n, MaxPage)
}

// Get gives a segment and its rule; nil of a list, and of a rule that names what is gone.
func (s *Service) Get(ctx context.Context, id int64) (*model.Segment, *Rule, error) {
	db := s.DB.WithContext(ctx)
	row, err := segmentByID(db, id)
	if err != nil || row.Rule == "" {
		return row, nil, err
	}
	l, err := s.liveOf(db, row)
	if fault.Of(err) != nil {
		return row, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return row, l.rule, nil
}

// Version is a definition that a segment has or had. Read is its rule; nil when it names what is gone.
type Version struct {
	model.SegmentVersion
	Read *Rule
}

// Versions gives the definitions that a segment had, the newest first.
func (s *Service) Versions(ctx context.Context, id int64) ([]Version, error) {
	db := s.DB.WithContext(ctx)
	if _, err := segmentByID(db, id); err != nil {
		return nil, err
	}
	rows, err := listVersions(db, id, MaxPage)
	if err != nil {
		return nil, err
	}
	words, err := s.vocabulary(db, false)
	if err != nil {
		return nil, err
	}
	out := make([]Version, len(rows))
	for i, row := range rows {
		out[i].SegmentVersion = row
		if r, err := Decode([]byte(row.Rule), rowIDs{}, words); err == nil {
			out[i].Read = r
		}
	}
	return out, nil
}

// Builds gives a page of a segment's builds, the newest first.
func (s *Service) Builds(ctx context.Context, id, before int64, limit int) ([]model.SegmentBuild, error) {
	db := s.DB.WithContext(ctx)
	if _, err := segmentByID(db, id); err != nil {
		return nil, err
	}
	return listBuilds(db, id, before, pageSize(limit))
}

// Building gives the build that waits or runs; nil when none does.
func (s *Service) Building(ctx context.Context, id int64) (*model.SegmentBuild, error) {
	return runningBuild(s.DB.WithContext(ctx), id)
}

// Sizes gives how large a segment was at the end of each day on which somebody came or went; days as yyyy-mm-dd.
func (s *Service) Sizes(ctx context.Context, id int64, from, to string) ([]model.SegmentSize, error) {
	db := s.DB.WithContext(ctx)
	if _, err := segmentByID(db, id); err != nil {
		return nil, err
	}
	first, ok1 := parseDay(from)
	last, ok2 := parseDay(to)
	if !ok1 || !ok2 || from == "" || to == "" || last.Before(first) {
		return nil, ErrPeriod
	}
	return listSizes(db, id, dayNumber(first), dayNumber(last))
}

// Member is somebody in a segment.
type Member struct {
	CustomerID int64
	Name       string
	Avatar     string
	Stay       int
	EnteredAt  time.Time
}

// Members gives a page of those in a segment whom the viewer may see, by their ids.
func (s *Service) Members(ctx context.Context, v *staff.Viewer, id, after int64, limit int) (rows []Member, err error) {
	db := s.DB.WithContext(ctx)
	if _, err := segmentByID(db, id); err != nil {
		return nil, err
	}
	all, staffIDs, err := s.Staff.VisibleStaff(ctx, v)
	if err != nil {
		return nil, err
	}
	err = seenBy(db, all, staffIDs).Select("segment_member.customer_id, customer.name, customer.avatar, segment_member.stay, segment_member.entered_at").
		Joins("JOIN segment_member ON segment_member.customer_id = customer.id").
		Where("segment_member.segment_id = ? AND segment_member.left_at IS NULL AND segment_member.customer_id > ?", id, after).
		Order("segment_member.customer_id").Limit(pageSize(limit)).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list members: %w", err)
	}
	return rows, nil
}

// People gives names and avatars of customers whom the viewer may see, in the order of their ids.
func (s *Service) People(ctx context.Context, v *staff.Viewer, ids []int64) (rows []Member, err error) {
	all, staffIDs, err := s.Staff.VisibleStaff(ctx, v)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	err = seenBy(s.DB.WithContext(ctx), all, staffIDs).Select("customer.id AS customer_id, customer.name, customer.avatar").
		Where("customer.id IN ?", ids).Order("customer.id").Find(&rows).Error
	return rows, err
}

// seenBy narrows customers to those whom somebody may see: followed by staff in their scope.
func seenBy(db *gorm.DB, all bool, staffIDs []int64) *gorm.DB {
	q := db.Table("customer")
	if all {
		return q
	}
	return q.Where("customer.id IN (?)", db.Table("relation").Select("relation.customer_id").
		Where("relation.staff_id IN ? AND relation.status IN ?", staffIDs, []string{"active", "half", "left"}))
}

// Contains gives those of some customers who fit a segment's rule now, in their order; of a list or a copy, those who
// are in it.
func (s *Service) Contains(ctx context.Context, id int64, customers ...int64) ([]int64, error) {
	db := s.DB.WithContext(ctx)
	row, err := segmentByID(db, id)
	if err != nil {
		return nil, err
	}
	customers = slices.Clone(customers)
	slices.Sort(customers)
	customers = slices.Compact(customers)
	if row.Kind != Dynamic {
		return inChunks(customers, memberChunk, func(ids []int64) ([]int64, error) { return membersIn(db, id, Scope{IDs: ids}) })
	}
	l, err := s.liveOf(db, row)
	if err != nil {
		return nil, err
	}
	return s.fitting(db, l.rule, row.Minors, customers)
}

// Fitting gives those of some customers who fit a rule now, in their order.
func (s *Service) Fitting(ctx context.Context, r *Rule, minors bool, customers ...int64) ([]int64, error) {
	customers = slices.Clone(customers)
	slices.Sort(customers)
	return s.fitting(s.DB.WithContext(ctx), r, minors, slices.Compact(customers))
}

func (s *Service) fitting(db *gorm.DB, r *Rule, minors bool, customers []int64) ([]int64, error) {
	e, err := s.env(db, minors, s.Now())
	if err != nil {
		return nil, err
	}
	return inChunks(customers, r.atOnce(), func(ids []int64) ([]int64, error) {
		q, err := e.Select(r, Scope{IDs: ids})
		if err != nil {
			return nil, err
		}
		return selectIDs(db, q)
	})
}

func inChunks(ids []int64, n int, ask func([]int64) ([]int64, error)) (out []int64, err error) {
	for some := range slices.Chunk(ids, n) {
		got, err := ask(some)
		if err != nil {
			return nil, err
		}
		out = append(out, got...)
	}
	return out, nil
}

// ErrPeriod says that two days are no period.
var ErrPeriod = fault.New(fault.Invalid, "segment.bad_period", "日期范围有误", "These days are no period")

// ErrNotBuilt says that nobody knows yet who is in the segment.
var ErrNotBuilt = fault.New(fault.Conflict, "segment.not_built", "人群还在计算，请稍后再试", "Who is in the segment is still being worked out")

// Freeze makes a segment of its own of those who are in another one now. They are copied in the background; nobody
// enters or leaves it afterwards, and copying is no fact about anybody.
func (s *Service) Freeze(ctx context.Context, id int64, d Definition) (*model.Segment, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	copied := &model.Segment{}
	return copied, model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		source, err := lockSegment(tx, id) // all that changed so far is committed, and later changes bear later times
		if err != nil {
			return err
		}
		if source.BuiltVersion != source.Version {
			return ErrNotBuilt
		}
		now := s.Now()
		*copied = model.Segment{Name: d.Name, Note: d.Note, Kind: Frozen, Rule: source.Rule, Minors: source.Minors, Version: 1, SourceID: id, CreatedBy: d.By, CreatedAt: now, UpdatedAt: now}
		if err := tx.Create(copied).Error; err != nil {
			return err
		}
		_, err = s.planBuild(tx, copied, d.By)
		return err
	})
}

// copyChunk copies the members of a frozen segment's source as of the moment when it was frozen.
func (s *Service) copyChunk(tx *gorm.DB, row *model.Segment, b *model.SegmentBuild, scope Scope) error {
	n, err := copyMembers(tx, row.SourceID, row.ID, scope, b.StartedAt)
	if err != nil {
		return err
	}
	b.Entered += n
	return count(tx, row.ID, dayNumber(s.Now().In(s.Zone)), int(n), 0)
}

// Listed is what became of an upload.
type Listed struct {
	Named   int64 // customers in the upload, each once
	Unknown int64 // ids that are nobody's
	Entered int64
	Left    int64
}

// SetList makes a list hold exactly the customers that ids gives, in any order, or adds them when keep is true. Who
// was merged is taken for the one who remains. It reads ids once, in bounded memory; when it ends with an error, those
// read so far have entered and nobody has left, and the same upload can be made again.
func (s *Service) SetList(ctx context.Context, id int64, keep bool, ids iter.Seq2[int64, error]) (*Listed, error) {
	out := &Listed{}
	var mark int64
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) (err error) {
		mark, err = s.beginList(tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	var some []int64
	flush := func() error {
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.listTx(tx, id, mark, some, out) })
		some = some[:0]
		return err
	}
	for customer, err := range ids {
		if err != nil {
			return out, err
		}
		if some = append(some, customer); len(some) == memberChunk {
			if err := flush(); err != nil {
				return out, err
			}
		}
	}
	if err := flush(); err != nil || keep {
		return out, err
	}
	return out, s.sweepList(ctx, id, mark, out)
}

// NameList is SetList of customers whom somebody names: those whom the viewer may not see count as unknown.
func (s *Service) NameList(ctx context.Context, v *staff.Viewer, id int64, keep bool, customers []int64) (*Listed, error) {
	customers = slices.Clone(customers)
	slices.Sort(customers)
	customers = slices.Compact(customers)
	seen, err := inChunks(customers, memberChunk, func(ids []int64) (out []int64, err error) {
		people, err := s.People(ctx, v, ids)
		for _, m := range people {
			out = append(out, m.CustomerID)
		}
		return out, err
	})
	if err != nil {
		return nil, err
	}
	out, err := s.SetList(ctx, id, keep, func(yield func(int64, error) bool) {
		for _, c := range seen {
			if !yield(c, nil) {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	out.Unknown += int64(len(customers) - len(seen))
	return out, nil
}

// ListNames gives the ids of all lists by their names; several may have one name.
func (s *Service) ListNames(tx *gorm.DB) (map[string][]int64, error) {
	rows, err := lists(tx)
	if err != nil {
		return nil, err
	}
	names := map[string][]int64{}
	for _, row := range rows {
		names[row.Name] = append(names[row.Name], row.ID)
	}
	return names, nil
}

// AddToListTx has customers enter a list and tells which did; those who are in it stay, also when SetList makes it
// another at the same time. It fails with ErrNotFound and ErrKind.
func (s *Service) AddToListTx(tx *gorm.DB, id int64, customers []int64) (entered []int64, err error) {
	row, err := lockSegment(tx, id)
	if err != nil {
		return nil, err
	}
	if row.Kind != List {
		return nil, ErrKind
	}
	people, _, err := resolved(tx, slices.Clone(customers))
	if err != nil {
		return nil, err
	}
	have, err := membersIn(tx, id, Scope{IDs: people})
	if err != nil {
		return nil, err
	}
	c := diff(people, have)
	if err := s.applyTx(tx, id, c, s.Now(), row.Version); err != nil {
		return nil, err
	}
	_, err = markMembers(tx, id, row.Version, people)
	return c.enter, err
}

// beginList gives an upload its mark.
func (s *Service) beginList(tx *gorm.DB, id int64) (mark int64, err error) {
	row, err := lockSegment(tx, id)
	if err != nil {
		return 0, err
	}
	if row.Kind != List {
		return 0, ErrKind
	}
	row.Version++
	row.BuiltVersion, row.UpdatedAt = row.Version, s.Now()
	return row.Version, updateSegment(tx, row, "version", "built_version", "updated_at")
}

// listTx has some customers enter and marks them as named.
func (s *Service) listTx(tx *gorm.DB, id, mark int64, ids []int64, out *Listed) error {
	if len(ids) == 0 {
		return nil
	}
	row, err := lockSegment(tx, id)
	if err != nil {
		return err
	}
	if row.Version != mark {
		return ErrChanged // by another upload
	}
	people, unknown, err := resolved(tx, ids)
	if err != nil {
		return err
	}
	have, err := membersIn(tx, id, Scope{IDs: people})
	if err != nil {
		return err
	}
	c := diff(people, have)
	if err := s.applyTx(tx, id, c, s.Now(), mark); err != nil {
		return err
	}
	named, err := markMembers(tx, id, mark, people)
	if err != nil {
		return err
	}
	model.AfterCommit(tx, func() {
		out.Entered += int64(len(c.enter))
		out.Named += named + int64(len(c.enter))
		out.Unknown += unknown
	})
	return nil
}

// sweepList has those leave whom the upload did not name.
func (s *Service) sweepList(ctx context.Context, id, mark int64, out *Listed) error {
	for {
		gone := 0
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
			row, err := lockSegment(tx, id)
			if err != nil {
				return err
			}
			if row.Version != mark {
				return ErrChanged
			}
			ids, err := unmarked(tx, id, mark, memberChunk)
			gone = len(ids)
			if err != nil || gone == 0 {
				return err
			}
			return s.applyTx(tx, id, change{leave: ids}, s.Now(), 0)
		})
		if err != nil || gone == 0 {
			return err
		}
		out.Left += int64(gone)
	}
}

// CancelBuild stops the build that waits or runs; who is in the segment stays as far as it came.
func (s *Service) CancelBuild(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if _, err := lockSegment(tx, id); err != nil {
			return err
		}
		return cancelBuilds(tx, id, s.Now())
	})
}
