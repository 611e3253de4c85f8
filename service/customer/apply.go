package customer

import (
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Counts is the account that a synchronisation gives of what it did.
type Counts = staff.Counts

// Origin says where the relations that carry one state came from.
type Origin struct {
	ChannelCodeID int64
	SourceName    string
}

// Input is what the platform said about some customers.
type Input struct {
	Account *model.Account
	Source  string            // event.SourceCallback, event.SourceSync, …
	RunID   int64             // of a full synchronisation; 0 otherwise
	Origins map[string]Origin // by state; a state that is absent came from nowhere known
	// Contacts holds one entry for each pair of customer and staff member.
	Contacts []Contact
	// Whole: Contacts holds all relations of these customers, so what is missing has ended.
	Whole bool
	// Customers names, for Whole, external user ids besides those in Contacts: customers whom nobody
	// follows any more.
	Customers []string
	// Half: the platform has just said that these were half added, so what is half stays half.
	// Otherwise a relation that is shown counts as confirmed.
	Half bool
	// ReadAt is when the platform was asked, taken before the call: an older reading never replaces
	// a newer one. Zero means now.
	ReadAt time.Time
}

// Applied is what became of an Input.
type Applied struct {
	Counts
	// Relations are those of Contacts, but for what was unusable or older than what is known.
	Relations []AppliedRelation
	// Lost are relations that were found to have ended.
	Lost []*model.Relation
}

// AppliedRelation is one relation as the platform showed it.
type AppliedRelation struct {
	*model.Relation
	CustomerName   string
	PlatformTagIDs []string
	ReadAt         time.Time
	// New: the relation began, or began anew, and this was recorded now for the first time.
	New bool
}

// ApplyTx brings customers, identities and relations to what the platform says, and records what
// began and what ended. Repeatable; two who apply the same at once, in any order, agree. A page of
// 100 takes a handful of statements, and one more for each relation or person that really changed.
func (s *Service) ApplyTx(tx *gorm.DB, in Input) (*Applied, error) {
	if in.ReadAt.IsZero() {
		in.ReadAt = s.now()
	}
	in.ReadAt = in.ReadAt.UTC().Truncate(time.Millisecond)
	a := &application{s: s, tx: tx, in: in, out: &Applied{}}
	pairs, err := a.pairs()
	if err != nil {
		return nil, err
	}
	known, err := a.match(pairs)
	if err != nil {
		return nil, err
	}
	for _, step := range []func([]*pair) error{a.decide, a.people, a.insert, a.update} {
		if err := step(pairs); err != nil {
			return nil, err
		}
	}
	if err := a.endMissing(pairs, known); err != nil {
		return nil, err
	}
	return a.out, a.record()
}
