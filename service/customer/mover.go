package customer

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Mover moves what a capability keeps about a customer when that customer turns out to be another one.
type Mover interface {
	// Name is data: stored with what was moved, never renamed.
	Name() string
	// Move gives to one customer what is kept about another, in tx, and says in JSON all that undoing it
	// takes, in as many parts as it likes; nothing moved is no part. It may be called again for what was
	// written under the other's name in the meantime.
	Move(tx *gorm.DB, from, to int64) (journal [][]byte, err error)
	// Undo gives back what one part of a journal tells of. What was deleted since stays deleted, what was
	// added since stays with the customer who stands.
	Undo(tx *gorm.DB, from, to int64, journal []byte) error
}

// plain names a table with the columns id and customer_id whose rows go over as they are.
type plain string

// table is the mover of a table in which both customers may have rows of which one customer may have one: two
// of the same are joined. It is generic, so most tables are plain ones.
type table[Row any] struct {
	plain
	// same tells such rows apart.
	same func(*Row) string
	// join makes the row of the one who stays say what both said; nil: it stays as it is.
	join func(stays *Row, goes Row)
	// part undoes join on a row that has changed since; nil: such a row stays as it is.
	part func(tx *gorm.DB, now *Row, before, goes Row) error
}

// moved is a part of a journal.
type moved[Row any] struct {
	given
	Joined []joint[Row] `json:"joined,omitempty"`
}

// given is a part of a journal that knows of no joined rows.
type given struct {
	IDs []int64 `json:"ids,omitempty"` // rows that went over as they were
}

// joint is a row that was joined with one of the same kind and is no more.
type joint[Row any] struct {
	Gone   Row `json:"gone"`
	Before Row `json:"before"` // the row of the one who stays
	After  Row `json:"after"`
}

// journalPart bounds one part, so that it fits into a row and a packet.
const journalPart = 2000

// Name implements Mover.
func (p plain) Name() string { return string(p) }

// Owners tells which of many customers have rows.
func (p plain) Owners(db *gorm.DB, among []int64) (ids []int64, err error) {
	err = db.Table(p.Name()).Where("customer_id IN ?", among).Distinct().Pluck("customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find owners of %s: %w", p, err)
	}
	return ids, nil
}

// Move implements Mover.
func (p plain) Move(tx *gorm.DB, from, to int64) (parts [][]byte, err error) {
	var ids []int64
	err = model.ForUpdate(tx).Table(p.Name()).Where("customer_id = ?", from).Order("id").Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("move %s: %w", p, err)
	}
	return p.giveAll(tx, ids, from, to)
}

func (p plain) giveAll(tx *gorm.DB, ids []int64, from, to int64) (parts [][]byte, err error) {
	for some := range slices.Chunk(ids, journalPart) {
		if err := p.give(tx, some, from, to); err != nil {
			return nil, err
		}
		parts = append(parts, mustJSON(given{some}))
	}
	return parts, nil
}

// give changes the owner of rows, which have not changed themselves.
func (p plain) give(tx *gorm.DB, ids []int64, from, to int64) error {
	for some := range slices.Chunk(ids, 500) {
		err := tx.Table(p.Name()).Where("id IN ? AND customer_id = ?", some, from).UpdateColumn("customer_id", to).Error
		if err != nil {
			return fmt.Errorf("give %s to another: %w", p, err)
		}
	}
	return nil
}

// Undo implements Mover.
func (p plain) Undo(tx *gorm.DB, from, to int64, journal []byte) error {
	var g given
	if err := json.Unmarshal(journal, &g); err != nil {
		return fmt.Errorf("read the journal of %s: %w", p, err)
	}
	return p.give(tx, g.IDs, to, from)
}

// Move implements Mover.
func (t table[Row]) Move(tx *gorm.DB, from, to int64) ([][]byte, error) {
	ids, joints, err := t.sort(tx, from, to)
	if err != nil {
		return nil, fmt.Errorf("move %s: %w", t.plain, err)
	}
	for _, j := range joints {
		if err := t.unite(tx, j); err != nil {
			return nil, fmt.Errorf("join %s: %w", t.plain, err)
		}
	}
	parts, err := t.giveAll(tx, ids, from, to)
	if err != nil {
		return nil, err
	}
	for some := range slices.Chunk(joints, journalPart/10) {
		parts = append(parts, mustJSON(moved[Row]{Joined: some}))
	}
	return parts, nil
}

// sort reads and locks what is to be moved and tells what goes over as it is from what is to be joined.
func (t table[Row]) sort(tx *gorm.DB, from, to int64) (ids []int64, joints []joint[Row], err error) {
	goes, err := t.lock(tx, from)
	if err != nil || len(goes) == 0 {
		return nil, nil, err
	}
	stays, err := t.lock(tx, to)
	if err != nil {
		return nil, nil, err
	}
	bySame := make(map[string]*Row, len(stays))
	for _, r := range stays {
		bySame[t.same(r)] = r
	}
	for _, r := range goes {
		s := bySame[t.same(r)]
		if s == nil {
			ids = append(ids, rowID(r))
			continue
		}
		j := joint[Row]{Gone: *r, Before: *s}
		if t.join != nil {
			t.join(s, *r)
		}
		j.After = *s
		joints = append(joints, j)
	}
	return ids, joints, nil
}

func (t table[Row]) lock(tx *gorm.DB, customerID int64) (rows []*Row, err error) {
	err = model.ForUpdate(tx).Where("customer_id = ?", customerID).Order("id").Find(&rows).Error
	return rows, err
}

func (t table[Row]) unite(tx *gorm.DB, j joint[Row]) error {
	if err := tx.Delete(new(Row), rowID(&j.Gone)).Error; err != nil {
		return err
	}
	if equal(j.Before, j.After) {
		return nil
	}
	return write(tx, &j.After)
}

// Undo implements Mover.
func (t table[Row]) Undo(tx *gorm.DB, from, to int64, journal []byte) error {
	var m moved[Row]
	if err := json.Unmarshal(journal, &m); err != nil {
		return fmt.Errorf("read the journal of %s: %w", t.plain, err)
	}
	if err := t.give(tx, m.IDs, to, from); err != nil {
		return err
	}
	for _, j := range m.Joined {
		if err := t.separate(tx, j); err != nil {
			return fmt.Errorf("part %s: %w", t.plain, err)
		}
	}
	return nil
}

// separate brings a joined row back, and the one it was joined with to what that says without it.
func (t table[Row]) separate(tx *gorm.DB, j joint[Row]) error {
	// Its key is taken when somebody wrote late under the name that stood no more: what they wrote is newer.
	if err := model.InsertIgnore(tx).Create(&j.Gone).Error; err != nil {
		return err
	}
	if equal(j.Before, j.After) {
		return nil
	}
	var now []*Row
	if err := model.ForUpdate(tx).Where("id = ?", rowID(&j.After)).Find(&now).Error; err != nil || len(now) == 0 {
		return err // deleted since
	}
	if equal(*now[0], j.After) {
		return write(tx, &j.Before)
	}
	if t.part == nil {
		return nil
	}
	if err := t.part(tx, now[0], j.Before, j.Gone); err != nil {
		return err
	}
	return write(tx, now[0])
}

// write stores all columns of a row as they are.
func write[Row any](tx *gorm.DB, r *Row) error {
	return tx.Model(r).Select("*").Omit("id").UpdateColumns(r).Error
}

// equal compares rows by what a journal says of them, since times lose their zone on the way.
func equal[Row any](a, b Row) bool { return string(mustJSON(a)) == string(mustJSON(b)) }

// rowID is the field ID that every row has.
func rowID[Row any](r *Row) int64 { return reflect.ValueOf(r).Elem().FieldByName("ID").Int() }

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // rows are numbers, texts, bytes and times
	}
	return b
}
