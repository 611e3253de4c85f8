package model

import "time"

// Journey 旅程 is an automation: what starts it, its steps, its goal.
type Journey struct {
	ID           int64
	Name         string
	Note         string
	State        string // draft, active, paused, draining, stopped
	Draft        string // the definition that people edit, with row ids, as JSON
	DraftVersion int64  // rises with every change of the draft
	Version      int    // the version that takes new enrolments; 0: none yet
	Entered      int64  // enrolments there ever were
	EntryDay     int    // day of business (20061231) of the last entry
	EntryCount   int64  // entries of that day
	// Until is up to when the clock has been followed by triggers that the clock sets off.
	Until     *time.Time
	Error     string // what keeps people from entering or going on, for people
	CreatedBy int64
	GoneAt    *time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// JourneyVersion is a definition that customers go by. It never changes.
type JourneyVersion struct {
	ID         int64
	JourneyID  int64
	Number     int
	Definition string // JSON with row ids
	Live       bool   // it takes new enrolments, or some may still be on it
	CreatedBy  int64
	CreatedAt  time.Time
}

// Enrolment is one customer's run through a journey.
type Enrolment struct {
	ID         int64
	JourneyID  int64
	Version    int
	CustomerID int64
	EntryKey   string // tells apart runs that a customer may make side by side
	Turn       int    // which of the customer's runs of that key; the first is 1
	State      string // active, ended, held (in the hold-out), stuck
	Node       string
	Visit      int // which step of this run it is at; the first is 1
	ArrivedAt  time.Time
	DueAt      time.Time // when it is looked at next
	Wake       string    // why it is looked at before that; empty: its time has come
	Fence      int64     // rises with every change
	Tries      int       // how often its step has failed
	Reason     string    // why it ended, or is stuck
	Cause      string    // the kind of what started it
	EventID    int64     // the event that started it; 0: none
	Said       string    // what the trigger said, as JSON: small
	EnteredAt  time.Time
	EndedAt    *time.Time
	GoalUntil  *time.Time // until when reaching the goal counts; nil: there is no goal
	GoalAt     *time.Time
	UpdatedAt  time.Time
}

// EnrolmentVisit is a step that an enrolment has left behind.
type EnrolmentVisit struct {
	ID          int64
	EnrolmentID int64
	Visit       int
	Node        string
	Outcome     string
	At          time.Time
}

// JourneyCount says how many visits of a version's node had an outcome; of no outcome, how many there were.
type JourneyCount struct {
	ID        int64
	JourneyID int64
	Version   int
	Node      string
	Outcome   string
	Times     int64
}

// JourneyRehearsal is a rehearsal that was asked for, and what it found.
type JourneyRehearsal struct {
	ID          int64
	JourneyID   int64
	Definition  string // JSON with row ids
	Asked       string // JSON: from when on, how many days, of whom
	State       string // waiting, running, done, failed, cancelled
	Total       int64  // customers to look at
	Done        int64
	Result      string // JSON
	Error       string
	CancelAsked bool
	StaffID     int64
	CreatedAt   time.Time
	StartedAt   *time.Time
	EndedAt     *time.Time
}
