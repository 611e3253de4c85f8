package referral

import (
	"context"
	"strings"
	"time"

	"zhiyin/model"
)

// Mine is how an inviter stands in a programme.
type Mine struct {
	*Programme
	Code    *model.ReferralCode // nil: none was asked for yet
	Counted int64
	Waiting int64 // joined, and the cool-off runs or somebody looks at it
	Coming  int64 // came, and have not done yet what is asked
	Rewards []model.ReferralReward
	Invited bool // whether the customer was invited themself
}

// Mine gives how a customer stands in a programme. It fails with ErrNotFound.
func (s *Service) Mine(ctx context.Context, customerID, id int64) (*Mine, error) {
	db := s.DB.WithContext(ctx)
	p, err := s.shown(db, id)
	if err != nil {
		return nil, err
	}
	m := &Mine{Programme: p}
	if m.Code, err = codeOf(db, id, customerID); err != nil {
		return nil, err
	}
	byState, err := edgesByState(db, id, customerID)
	if err != nil {
		return nil, err
	}
	m.Counted, m.Waiting, m.Coming = byState[Counted], byState[Cooling]+byState[Review], byState[Touched]
	above, err := edgeOfInvitee(db, id, customerID)
	if err != nil {
		return nil, err
	}
	m.Invited = above != nil
	m.Rewards, err = rewardsOf(db, id, customerID)
	return m, err
}

// Friend is somebody whom a customer has invited, as the customer may see them.
type Friend struct {
	EdgeID    int64
	Name      string // only its first character
	State     string // coming, waiting, counted, left, not_counted
	TouchedAt time.Time
}

// friendStates is what inviters see of the states of edges: neither why somebody does not count nor that anybody looks at it.
var friendStates = map[string]string{
	Touched: "coming", Cooling: "waiting", Review: "waiting", Counted: "counted", Left: "left", Refused: "not_counted",
}

// FriendState is what customers see of the state of an edge.
func FriendState(state string) string {
	if seen, ok := friendStates[state]; ok {
		return seen
	}
	return "not_counted"
}

// Friends gives a page of those whom a customer has invited, the newest first. It fails with ErrNotFound.
func (s *Service) Friends(ctx context.Context, customerID, id, before int64, limit int) ([]Friend, error) {
	db := s.DB.WithContext(ctx)
	if _, err := s.shown(db, id); err != nil {
		return nil, err
	}
	rows, err := friendsBefore(db, id, customerID, before, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Friend, len(rows))
	for i, r := range rows {
		list[i] = Friend{r.ID, masked(r.Name), FriendState(r.State), r.TouchedAt}
	}
	return list, nil
}

// masked leaves the first character of a name.
func masked(name string) string {
	for _, r := range strings.TrimSpace(name) {
		return string(r) + "**"
	}
	return "**"
}

// EdgeFilter selects edges.
type EdgeFilter struct {
	ProgrammeID int64
	State       string // empty: any
	InviterID   int64  // 0: anybody's
	InviteeID   int64
	MinScore    int
	Before      int64 // the cursor: only rows with a smaller id
	Limit       int
}

// Edges gives a page of edges, the newest first. It fails with ErrNotFound.
func (s *Service) Edges(ctx context.Context, f EdgeFilter) ([]model.ReferralEdge, error) {
	db := s.DB.WithContext(ctx)
	if _, err := programmeRow(db, f.ProgrammeID); err != nil {
		return nil, err
	}
	return edgesBefore(db, f)
}

// RewardFilter selects rewards.
type RewardFilter struct {
	ProgrammeID int64
	State       string // empty: any
	CustomerID  int64  // 0: anybody's
	Before      int64
	Limit       int
}

// Rewards gives a page of rewards, the newest first. It fails with ErrNotFound.
func (s *Service) Rewards(ctx context.Context, f RewardFilter) ([]model.ReferralReward, error) {
	db := s.DB.WithContext(ctx)
	if _, err := programmeRow(db, f.ProgrammeID); err != nil {
		return nil, err
	}
	return rewardsBefore(db, f)
}

// Report is what a programme has come to.
type Report struct {
	Programme *Programme
	Inviters  int64 // who have a code
	Active    int64 // of them: by whom somebody joined
	Touched   int64 // edges in all
	Newcomers int64 // of them: not refused as known
	Joined    int64
	ByState   map[string]int64
	ByReason  map[string]int64 // of those refused, left and void
	Rewards   []RewardSum
	// KFactorBP is how many newcomers an inviter brought on average, in basis points: above 10,000 each brings more than one.
	KFactorBP int64
	// CostFen is what was given is said to have cost, less what was taken back.
	CostFen model.Fen
}

// RewardSum is how many rewards of a kind are in a state.
type RewardSum struct {
	Role, Kind, State string
	Rewards, Points   int64
	CostFen           model.Fen
}

// Report gives what a programme has come to. It fails with ErrNotFound.
func (s *Service) Report(ctx context.Context, id int64) (*Report, error) {
	db := s.DB.WithContext(ctx)
	p, err := programme(db, id)
	if err != nil {
		return nil, err
	}
	r := &Report{Programme: p, ByState: map[string]int64{}, ByReason: map[string]int64{}, CostFen: p.Budget.UsedFen}
	if err := sumEdges(db, id, r); err != nil {
		return nil, err
	}
	if r.Inviters > 0 {
		r.KFactorBP = r.Joined * 10_000 / r.Inviters
	}
	r.Rewards, err = sumRewards(db, id)
	return r, err
}

// levels is how many levels are counted. They are for people to look at; nothing is given for any but the first.
const levels = 5

// Tree is how invitations spread: nobody's reward follows from it.
type Tree struct {
	// Levels counts who joined: at the first by inviters whom nobody invited, then by those of the level before.
	Levels [levels]int64
	Top    []TopInviter
}

// TopInviter is somebody with many friends.
type TopInviter struct {
	CustomerID              int64
	Counted, Joined, Gone   int64 // Gone: friends who left
	Refused, Held, MaxScore int64
}

// Tree gives how the invitations of a programme spread, with the inviters of most friends who count. It fails with ErrNotFound.
func (s *Service) Tree(ctx context.Context, id int64, top int) (*Tree, error) {
	db := s.DB.WithContext(ctx)
	if _, err := programmeRow(db, id); err != nil {
		return nil, err
	}
	t := &Tree{}
	for i := range t.Levels {
		n, err := levelSize(db, id, i+1)
		if err != nil {
			return nil, err
		}
		if t.Levels[i] = n; n == 0 {
			break
		}
	}
	var err error
	t.Top, err = topInviters(db, id, top)
	return t, err
}
