package model

import "time"

// Segment 人群 is a saved rule over customers, or a list of them.
type Segment struct {
	ID      int64
	Name    string
	Note    string
	Kind    string // dynamic, frozen (as it was once), list (uploaded)
	Rule    string // JSON with row ids; empty of a list
	Minors  bool   // customers under 14 are not left out
	Version int64  // of the definition, from 1
	// SourceID is the segment that a frozen one is a copy of.
	SourceID int64
	// Members counts who is in. BuiltVersion is the version that membership follows: 0 before the first build is done.
	Members      int64
	BuiltVersion int64
	BuiltAt      *time.Time
	BuildMs      int64 // how long the rule took in the last build
	// TimedUntil: what the passing of time alone changed is known up to then.
	TimedUntil *time.Time
	Warning    string // that the rule is slow, for people
	Error      string // why the last build failed, for people
	CreatedBy  int64
	GoneAt     *time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// SegmentVersion is a definition that a segment has or had.
type SegmentVersion struct {
	ID        int64
	SegmentID int64
	Version   int64
	Rule      string
	Minors    bool
	ChangedBy int64
	CreatedAt time.Time
}

// SegmentMember says that a customer is, or once was, in a segment. A customer who comes back has another Stay.
type SegmentMember struct {
	SegmentID  int64 `gorm:"primaryKey;autoIncrement:false"`
	CustomerID int64 `gorm:"primaryKey;autoIncrement:false"`
	Stay       int   // the first is 1
	EnteredAt  time.Time
	LeftAt     *time.Time // nil: is in
	Mark       int64      // of a list: which upload named the customer last
}

// SegmentBuild is one full evaluation of a segment. It can be taken up where it stopped.
type SegmentBuild struct {
	ID               int64
	SegmentID        int64
	RunningSegmentID *int64 // SegmentID while it runs, else nil: a segment has one at a time
	Version          int64
	Status           string // running, done, cancelled, failed
	AfterID          int64  // customers up to and including this one are done
	LastID           int64  // the last customer when it began
	Entered          int64
	Departed         int64
	ReadMs           int64
	Error            string
	AskedBy          int64 // 0: the system
	StartedAt        time.Time
	FinishedAt       *time.Time
	UpdatedAt        time.Time
}

// SegmentSize is how large a segment was at the end of a day of business, and how many came and went.
type SegmentSize struct {
	ID        int64
	SegmentID int64
	Day       int // yyyymmdd
	Members   int64
	Entered   int64
	Departed  int64
}
