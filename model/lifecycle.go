package model

import "time"

// CustomerLifecycle is where a customer stands: stage, RFM, value, risk, and what is expected. Customers who stand for
// another one, and minors, have none.
type CustomerLifecycle struct {
	ID           int64
	CustomerID   int64
	Stage        string
	StageSince   time.Time
	StageChanges int64      // the number of the last StageChange
	LapsedAt     *time.Time // when they last went from a stage of staying to one of leaving; nil: never
	Recency      int        // RFM scores, 1 to 5, 5 the best; 0: never bought
	Frequency    int
	Monetary     int
	ValueScore   int64  // 0 to 1000
	ValueGrade   string // key, potential, ordinary
	RiskScore    int    // 0 to 100
	RiskGrade    string // high, medium, low
	// AliveBP is the probability of being still a customer, in basis points; -1: not known, as of everybody who
	// bought less than twice.
	AliveBP     int64 `gorm:"column:alive_bp"`
	ExpectedFen Fen   // spent in the next 90 days; -1: not known
	ComputedAt  time.Time
}

// StageChange 阶段变化: a customer went from one stage to the next. A customer's changes are numbered from 1 without a
// gap, each begins where the one before ended, and the first begins nowhere.
type StageChange struct {
	ID         int64
	CustomerID int64
	Number     int64
	FromStage  string // empty: the first
	ToStage    string
	Day        int    // yyyymmdd in the zone of the business
	Cause      string // night, event, person
	ChangedAt  time.Time
}

// LifecycleStage 生命周期阶段 with its rules. Without any row the stages are those that come with the product.
type LifecycleStage struct {
	ID        int64
	Name      string // stored with customers: never renamed
	Title     string
	Phase     string // explore, forming, stable; empty: none of them
	Position  int    // who fits several is in the one of the smallest
	EnterRule string // JSON
	StayRule  string // JSON; empty: as EnterRule
	HoldDays  int    // how long it is kept at least, unless one of a smaller position fits
	Lapse     bool   // one of leaving: who buys again after it has come back
	Playbook  string // what staff are advised to do
}

// LifecycleSetting is how scores are made: one row, of Slot 1. Without it they are made as the product does by itself.
type LifecycleSetting struct {
	ID        int64
	Slot      int
	Revision  int64 // raised by every change of it or of the stages
	Body      string
	UpdatedAt time.Time
}

// LifecycleRun is one computation for all customers.
type LifecycleRun struct {
	ID          int64
	RunningSlot *int   // 1 while it runs, so there is one at a time
	Status      string // running, done, failed, cancelled
	Cause       string // night, person
	Phase       string // measure, score, count, finish
	DoneID      int64  // in the phase score: customers up to this id are done
	Total       int64  // customers
	Finished    int64  // of them, in this phase
	Changed     int64  // whose stage changed
	BasisID     int64
	Error       string
	StartedAt   time.Time
	UpdatedAt   time.Time
	FinishedAt  *time.Time
}

// LifecycleBasis is what the scores of a night are computed by: boundaries and the fitted model, as JSON.
type LifecycleBasis struct {
	ID        int64
	Day       int
	Body      string
	CreatedAt time.Time
}

// StageDay is how many customers were in a stage at the end of a night, and what they were worth.
type StageDay struct {
	ID          int64
	Day         int
	Stage       string
	Customers   int64
	ValueScore  int64 // of all of them
	ExpectedFen Fen   // of all for whom it is known
}
