package outreach

import (
	"context"
	"fmt"
	"slices"
	"time"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// What can go wrong for the caller.
var (
	ErrNotFound = fault.New(fault.NotFound, "delivery.not_found", "没有这条触达记录", "No such delivery")
	ErrFilter   = fault.New(fault.Invalid, "delivery.bad_filter", "请按来源、客户或状态筛选", "Ask by source, customer or state")
	ErrNotDoubt = fault.New(fault.Conflict, "delivery.not_in_doubt", "这条触达的结果是明确的", "What became of this delivery is known")
)

// Filter chooses deliveries. A customer, a source, or states outside [Accepted, Converted] must be named.
type Filter struct {
	Source     string
	SourceID   int64
	Step       string // empty: all
	Channel    string // empty: all
	StaffID    int64  // whose name it goes out in; 0: all
	CustomerID int64
	States     []State // empty: all
	Reason     string
	After      Cursor
	Limit      int
}

// Cursor is where a page of deliveries ended; the zero Cursor is the beginning.
type Cursor struct {
	Shelf  int8
	LaneID int64
	DueAt  time.Time
	ID     int64
}

// Listed is a delivery with what its lane says of it.
type Listed struct {
	model.Delivery
	Lane model.DeliveryLane
}

// At is the cursor behind it.
func (l *Listed) At() Cursor { return Cursor{l.Shelf, l.LaneID, l.DueAt, l.ID} }

// List says who got it, who did not, and why: one page of it. A customer's come newest first, others by state and sender.
func (s *Service) List(ctx context.Context, f Filter) ([]Listed, error) {
	db := s.DB.WithContext(ctx)
	var rows []model.Delivery
	var err error
	if f.CustomerID != 0 {
		rows, err = ofCustomer(db, f)
	} else {
		if f.Source == "" && len(f.States) == 0 {
			return nil, ErrFilter
		}
		rows, err = s.ofLanes(ctx, f)
	}
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	lanes, err := lanesByID(db, rows)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	list := make([]Listed, len(rows))
	for i := range rows {
		list[i].Delivery = rows[i]
		if lane := lanes[rows[i].LaneID]; lane != nil {
			list[i].Lane = *lane
		}
	}
	return list, nil
}

// ofLanes reads a page lane by lane, in the order of the index. Lanes that have none in these states are not looked into.
func (s *Service) ofLanes(ctx context.Context, f Filter) (rows []model.Delivery, err error) {
	db := s.DB.WithContext(ctx)
	states := f.States
	if len(states) == 0 {
		states = States
	}
	shelves := map[int8][]State{}
	for _, st := range states {
		shelves[st.shelf()] = append(shelves[st.shelf()], st)
	}
	lanes, err := lanesWith(db, f, states)
	if err != nil {
		return nil, err
	}
	order := make([]int8, 0, len(shelves))
	for shelf := range shelves {
		order = append(order, shelf)
	}
	slices.Sort(order)
	for _, shelf := range order {
		for part := range slices.Chunk(lanes, 200) {
			if len(rows) >= f.Limit {
				return rows, nil
			}
			if shelf < f.After.Shelf || shelf == f.After.Shelf && part[len(part)-1] < f.After.LaneID {
				continue
			}
			some, err := onShelf(db, shelf, part, shelves[shelf], f, f.Limit-len(rows))
			if err != nil {
				return nil, err
			}
			rows = append(rows, some...)
		}
	}
	return rows, nil
}

// Get finds one delivery. It fails with ErrNotFound.
func (s *Service) Get(ctx context.Context, id int64) (*Listed, error) {
	rows, err := deliveriesOf(s.DB.WithContext(ctx), []int64{id})
	if err != nil {
		return nil, fmt.Errorf("find a delivery: %w", err)
	}
	if len(rows) == 0 {
		return nil, ErrNotFound
	}
	lane, err := laneOf(s.DB.WithContext(ctx), rows[0].LaneID)
	if err != nil {
		return nil, fmt.Errorf("find the lane of a delivery: %w", err)
	}
	return &Listed{rows[0], *lane}, nil
}

// Total is how many deliveries of a step, channel and sender are in a state.
type Total struct {
	Step      string
	Channel   string
	AccountID int64
	StaffID   int64
	State     State
	N         int64
}

// Totals counts a source's deliveries by step, channel, sender and state. The sum over the states is the number of rows, always.
func (s *Service) Totals(ctx context.Context, source string, sourceID int64) ([]Total, error) {
	rows, err := totals(s.DB.WithContext(ctx), source, sourceID)
	if err != nil {
		return nil, fmt.Errorf("count deliveries: %w", err)
	}
	return rows, nil
}

// Progress is how far a source's deliveries have come, all together.
func (s *Service) Progress(ctx context.Context, source string, sourceID int64) (map[State]int64, error) {
	rows, err := s.Totals(ctx, source, sourceID)
	sums := map[State]int64{}
	for _, r := range rows {
		if sums[r.State] += r.N; sums[r.State] == 0 {
			delete(sums, r.State)
		}
	}
	return sums, err
}

// StatesOf tells how far single intents have come, by the customer: for one source, step and occurrence.
func (s *Service) StatesOf(ctx context.Context, source string, sourceID int64, step, occurrence string, customerIDs []int64) (map[int64]State, error) {
	found, err := statesOf(s.DB.WithContext(ctx), source, sourceID, step, occurrence, customerIDs)
	if err != nil {
		return nil, fmt.Errorf("look up deliveries: %w", err)
	}
	return found, nil
}

// CallOf finds the platform call that a platform's id names, with its deliveries; nil when there is none.
func (s *Service) CallOf(ctx context.Context, channel, platformID string) (*Call, error) {
	row, err := callByPlatformID(s.DB.WithContext(ctx), channel, platformID)
	if err != nil || row == nil {
		return nil, err
	}
	return s.loadCall(ctx, row)
}

// Calls lists calls that platforms have accepted, from a row id on, for channels that ask for results; each with its deliveries.
func (s *Service) Calls(ctx context.Context, channel string, since time.Time, after int64, limit int) ([]Call, error) {
	rows, err := settledCalls(s.DB.WithContext(ctx), channel, since, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list platform calls: %w", err)
	}
	calls := make([]Call, 0, len(rows))
	for i := range rows {
		c, err := s.loadCall(ctx, &rows[i])
		if err != nil {
			return nil, err
		}
		calls = append(calls, *c)
	}
	return calls, nil
}

func (s *Service) loadCall(ctx context.Context, row *model.DeliveryCall) (*Call, error) {
	db := s.DB.WithContext(ctx)
	ids, err := unpackIDs(row.Deliveries)
	if err != nil {
		return nil, fmt.Errorf("read call %d: %w", row.ID, err)
	}
	rows, err := deliveriesOf(db, ids)
	if err != nil {
		return nil, fmt.Errorf("read deliveries of call %d: %w", row.ID, err)
	}
	lane, err := laneOf(db, row.LaneID)
	if err != nil {
		return nil, fmt.Errorf("read the lane of call %d: %w", row.ID, err)
	}
	c := &Call{
		ID: row.ID, Channel: row.Channel, AccountID: row.AccountID, StaffID: row.StaffID, MessageID: row.MessageID, Marker: row.Marker,
		PlatformID: row.PlatformID, BeganAt: row.BeganAt,
	}
	for i := range rows {
		d := delivered(&rows[i], lane)
		d.State = State(rows[i].State)
		c.Deliveries = append(c.Deliveries, d)
	}
	return c, nil
}
