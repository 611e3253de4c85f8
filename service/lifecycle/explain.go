package lifecycle

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Explanation is where a customer stands, and why.
type Explanation struct {
	// Row is what is stored; nil: not computed yet.
	Row *model.CustomerLifecycle
	// Now is what would be stored if it were computed at this moment.
	Now     model.CustomerLifecycle
	Stage   Stage // of Now
	Why     []StageTrial
	Value   []PartPoints
	Risk    []PartPoints
	RFM     RFMFound
	Repeats int // purchases after the first, on days of their own
	// History is the changes of stage, newest first; at most 200.
	History []model.StageChange
}

// StageTrial is a stage, and what was found about each condition of its rule.
type StageTrial struct {
	Name, Title string
	Staying     bool // the rule to stay was tried, because they are in it
	Fits        bool
	Sets        [][]Outcome
}

// RFMFound is the numbers behind the three scores.
type RFMFound struct {
	Days, Orders, Fen int64
	Boundaries        Boundaries
}

// historyPage is how many changes an explanation shows.
const historyPage = 200

// Explain tells where a customer stands whom the viewer may see, and why. It fails as Customers does, and with
// ErrNotProfiled for minors and for those who stand for another one.
func (s *Service) Explain(ctx context.Context, v *staff.Viewer, customerID int64) (*Explanation, error) {
	if _, err := s.customers.Detail(ctx, v, customerID); err != nil {
		return nil, err
	}
	db := s.db.WithContext(ctx)
	f, err := s.frame(db)
	if err != nil {
		return nil, err
	}
	people, err := s.look(db, f, []int64{customerID})
	if err != nil {
		return nil, err
	}
	if len(people) == 0 {
		return nil, ErrNotProfiled
	}
	out := f.explain(people[0])
	out.History, err = changesOf(db, customerID, historyPage)
	return out, err
}

// look reads customers without locking anything.
func (s *Service) look(db *gorm.DB, f *frame, ids []int64) ([]*person, error) {
	profiles, err := profilesOf(db, ids)
	if err != nil {
		return nil, err
	}
	var kept []profile
	for _, c := range profiles {
		if !c.leftOut() {
			kept = append(kept, c)
		}
	}
	rows, err := standingsOf(db, idsOf(kept))
	if err != nil {
		return nil, err
	}
	before := map[int64]*model.CustomerLifecycle{}
	for _, r := range rows {
		before[r.CustomerID] = r
	}
	return f.load(db, kept, before)
}

func (f *frame) explain(p *person) *Explanation {
	st := f.assess(p)
	st.row.ComputedAt = f.now
	out := &Explanation{Row: p.before, Now: st.row, Stage: st.stage}
	for _, stage := range f.Stages {
		t := StageTrial{Name: stage.Name, Title: stage.Title}
		rule := stage.Enter
		if p.before != nil && p.before.Stage == stage.Name && stage.Stay != nil {
			rule, t.Staying = *stage.Stay, true
		}
		t.Fits, t.Sets = rule.holds(p), rule.outcomes(p)
		out.Why = append(out.Why, t)
		if t.Fits { // later ones are not asked
			break
		}
	}
	_, _, out.Value = f.Value.score(p)
	_, _, out.Risk = f.Risk.score(p)
	b := f.boundaries()
	_, days, orders, fen := b.score(p)
	out.RFM = RFMFound{days, orders, fen, b}
	if h, _, ok := past(p.orders, p.today); ok {
		out.Repeats = h.Repeats
	}
	return out
}

// Preview is what a setting would change.
type Preview struct {
	Customers int64 // of all
	Looked    int64 // at so many of them; when that is fewer, counts are of those
	// Before and After count them by stage, Moves by both.
	Before, After map[string]int64
	Moves         []Flow
	At            time.Time
}

// Preview tries a setting on customers without changing anything: on all of them while they are few, else on spread-out
// samples of some thousand. It fails with ErrSetting.
func (s *Service) Preview(ctx context.Context, in Setting) (*Preview, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	db := s.db.WithContext(ctx)
	basis, err := latestBasis(db)
	if err != nil {
		return nil, err
	}
	f := s.frameOf(&in, basis)
	out := &Preview{Before: map[string]int64{}, After: map[string]int64{}, At: f.now}
	starts, err := s.spread(db, out)
	if err != nil {
		return nil, err
	}
	moves := map[[2]string]int64{}
	for _, after := range starts {
		profiles, err := profilesAfter(db, after, previewChunk)
		if err != nil {
			return nil, err
		}
		people, err := s.look(db, f, idsOf(profiles))
		if err != nil {
			return nil, err
		}
		for _, p := range people {
			from := ""
			if p.before != nil {
				from = p.before.Stage
			}
			to := f.assess(p).stage.Name
			out.Looked++
			out.Before[from]++
			out.After[to]++
			moves[[2]string{from, to}]++
		}
	}
	for move, n := range moves {
		out.Moves = append(out.Moves, Flow{From: move[0], To: move[1], Customers: n})
	}
	slices.SortFunc(out.Moves, func(a, b Flow) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return out, nil
}

// A preview looks at so many pieces of so many customers.
const (
	previewChunk  = 250
	previewPieces = 20
)

// spread gives the ids after which the pieces of a preview begin.
func (s *Service) spread(db *gorm.DB, out *Preview) ([]int64, error) {
	n, err := countProfiled(db)
	if err != nil {
		return nil, err
	}
	out.Customers = n
	pieces := int64(previewPieces)
	if n <= previewChunk*previewPieces {
		return everyNth(db, previewChunk)
	}
	return everyNth(db, n/pieces)
}

// everyNth walks over the customers' ids in steps of n, so that no piece overlaps the next.
func everyNth(db *gorm.DB, n int64) ([]int64, error) {
	starts := []int64{0}
	for {
		next, err := customerAfter(db, starts[len(starts)-1], n)
		if err != nil || next == 0 || len(starts) > 2*previewPieces {
			return starts, err
		}
		starts = append(starts, next)
	}
}
