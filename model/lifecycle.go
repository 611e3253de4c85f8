package model

import "time"

// CustomerLifecycle is where a customer stands: stage, RFM, value, and what is expected.
type CustomerLifecycle struct {
	ID          int64
	CustomerID  int64
	Stage       string
	StageSince  time.Time
	Recency     int // RFM scores, 1 to 5, 5 the best; 0: never bought
	Frequency   int
	Monetary    int
	ValueScore  int64 // 0 to 1000
	ValueGrade  string
	AliveBP     int64 `gorm:"column:alive_bp"` // probability of being still a customer, in basis points; -1: not known
	ExpectedFen Fen   // spent in the next 90 days; -1: not known
	ComputedAt  time.Time
}
