package model

import "time"

// DataKey is a key that data is sealed with, itself sealed with the secret key of the configuration.
type DataKey struct {
	ID         int64
	Purpose    string // data: what it seals
	Generation int    // 0: what came from the secret key itself, before there were data keys
	SealedKey  []byte
	ActiveAt   time.Time // from then on it is the one that seals; the newest such one
	CreatedAt  time.Time
}

// KeyRotation is data of a purpose being sealed anew with a new generation of its key.
type KeyRotation struct {
	ID         int64
	Purpose    string
	Generation int
	// Where it stands: in which pass over all places, at which of them, behind which row.
	Pass       int
	Stage      int
	AfterID    int64
	Changed    int64 // values sealed anew in this pass; a pass without any is the last
	Resealed   int64 // in all passes
	Unreadable int64 // values of this pass that none of the keys opens, or that can't be moved
	StartedAt  time.Time
	FinishedAt *time.Time
	UpdatedAt  time.Time
}
