package model

import "time"

// Work is one piece of durable work.
type Work struct {
	ID          int64
	Kind        string
	Lane        int     // smaller first
	OrderKey    string  // empty: in no order
	RunningKey  *string // OrderKey while leased, else NULL; unique, so one at a time runs
	DedupeKey   *string // unique while the row exists
	Payload     string  // JSON
	State       string  // ready, leased, done, dead, cancelled
	RunAt       time.Time
	Deadline    *time.Time // not started after it
	Attempts    int
	Fence       int64  // rises with every lease
	LeaseToken  string // of the claim that holds it
	LeaseOwner  string
	LeaseUntil  *time.Time
	CancelAsked bool
	LastError   string
	FinishedAt  *time.Time
	CreatedAt   time.Time
}

// CronJob is how far a periodic job's ticks have been planted.
type CronJob struct {
	ID           int64
	Job          string    // unique
	PlantedUntil time.Time // every tick up to here was planted or marked as missed
	CreatedAt    time.Time
}

// CronPause keeps a periodic job from being planted until somebody resumes it.
type CronPause struct {
	ID        int64
	Job       string // unique
	Reason    string
	PausedBy  int64 // staff row
	CreatedAt time.Time
}

// CronTick is one due run of a periodic job; (Job, FireTime) is unique, so that any number of
// replicas plant it once.
type CronTick struct {
	ID           int64
	Job          string
	FireTime     time.Time
	Status       string // planted, running, done, failed, missed
	Trigger      string `gorm:"column:trigger_kind"` // clock, catch_up, person
	AskedBy      int64  // staff row of the person; 0: the clock
	MissedBefore int64  // missed ticks just before this one that have no row of their own
	StartedAt    *time.Time
	FinishedAt   *time.Time
	Error        string
	CreatedAt    time.Time
}
