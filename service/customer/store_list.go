package customer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// tagsOf gives the tags that customers bear now, whoever gave them.
func tagsOf(tx *gorm.DB, customerIDs []int64, now time.Time) (map[int64][]model.CustomerTag, error) {
	out := map[int64][]model.CustomerTag{}
	if len(customerIDs) == 0 {
		return out, nil
	}
	var rows []model.CustomerTag
	err := borneTags(tx, now).Where("customer_id IN ?", customerIDs).Order("customer_id, tag_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find tags of customers: %w", err)
	}
	for _, r := range rows {
		out[r.CustomerID] = append(out[r.CustomerID], r)
	}
	return out, nil
}

// borneTags narrows customer_tag to what has not ended.
func borneTags(tx *gorm.DB, now time.Time) *gorm.DB {
	return tx.Model(&model.CustomerTag{}).Where("expires_at IS NULL OR expires_at > ?", now)
}

// borne are the states in which an assignment says that a relation bears the tag.
var borne = []string{"add", "synced"}

// followed are the statuses in which a staff member sees a customer.
var followed = []string{StatusActive, StatusHalf, StatusLeft}

// seen narrows relations to those that may be seen: of the staff in scope, and followed by them still.
// A staff member who removed a customer no longer follows; one whom the customer left does.
func (sc scope) seen(q *gorm.DB) *gorm.DB {
	if sc.all {
		return q
	}
	return q.Where("relation.staff_id IN ? AND relation.status IN ?", sc.staffIDs, followed)
}

// listed is a customer with its place in the list.
type listed struct {
	model.Customer
	place cursor
}

// listCustomers gives one row more than the page holds: whoever sees everybody sees first whom the house met last, others
// whom the staff in their scope met last.
func listCustomers(tx *gorm.DB, sc scope, f Filter, at cursor, now time.Time) ([]listed, error) {
	if !sc.all {
		return listMet(tx, sc, f, at, now)
	}
	q := f.people(tx.Model(&model.Customer{}), tx, sc, now)
	// Conditions about relations are an uncorrelated subquery, so that the database may begin with whichever side is smaller; but
	// when nearly all relations fit, customers are walked in order, asking of each, until the page is full.
	switch related, asked := f.relations(tx, sc); {
	case asked && f.broad():
		q = q.Where("EXISTS (?)", related.Select("1").Where("relation.customer_id = customer.id"))
	case asked:
		q = q.Where("customer.id IN (?)", related.Select("relation.customer_id"))
	}
	if !at.isZero() {
		q = q.Where("customer.first_seen_at <= ? AND (customer.first_seen_at < ? OR customer.id < ?)", at.at, at.at, at.id)
	}
	var rows []model.Customer
	err := q.Order("customer.first_seen_at DESC, customer.id DESC").Limit(f.Limit + 1).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list customers: %w", err)
	}
	out := make([]listed, len(rows))
	for i, r := range rows {
		out[i] = listed{r, cursor{r.FirstSeenAt, r.ID}}
	}
	return out, nil
}

// people narrows customers to those who fit what is asked of themselves.
func (f Filter) people(q, tx *gorm.DB, sc scope, now time.Time) *gorm.DB {
	q = q.Where("customer.merged_into = 0")
	if len(f.TagIDs) > 0 {
		q = q.Where("customer.id IN (?)", borneTags(tx, now).Where("tag_id IN ?", f.TagIDs).Select("customer_id"))
	}
	if f.NamePrefix != "" {
		q = q.Where("customer.name LIKE ? ESCAPE '!'", like(f.NamePrefix)+"%")
	}
	if f.identity != nil {
		known := tx.Model(&model.Identity{}).Select("customer_id").
			Where("kind = ? AND value IN ?", f.identity.name, f.identity.values)
		q = q.Where("customer.id IN (?)", known)
	}
	if f.Name != "" {
		part := "%" + like(f.Name) + "%"
		remarked := sc.seen(tx.Model(&model.Relation{})).Where("relation.remark LIKE ? ESCAPE '!'", part).Select("relation.customer_id")
		q = q.Where("(customer.name LIKE ? ESCAPE '!' OR customer.id IN (?))", part, remarked)
	}
	return q
}

// broad tells whether most relations of the house may fit.
func (f Filter) broad() bool {
	return len(f.StaffIDs)+len(f.TagIDs) == 0 && f.ChannelCodeID == 0 && f.AddedFrom.IsZero() && f.AddedTo.IsZero() &&
		(f.Status == "" || f.Status == StatusActive)
}

// relations selects the relations that fit; asked is false when nothing is asked of them.
func (f Filter) relations(tx *gorm.DB, sc scope) (q *gorm.DB, asked bool) {
	q = sc.seen(tx.Model(&model.Relation{}))
	for _, c := range f.ofRelations() {
		q = q.Where(c.sql, c.args...)
		asked = true
	}
	return q, asked || !sc.all
}

// condition is a part of a statement with its parameters.
type condition struct {
	sql  string
	args []any
}

// ofRelations is what is asked of relations, the scope aside.
func (f Filter) ofRelations() (out []condition) {
	where := func(wanted bool, sql string, args ...any) {
		if wanted {
			out = append(out, condition{sql, args})
		}
	}
	where(f.AccountID != 0, "relation.account_id = ?", f.AccountID)
	where(len(f.StaffIDs) > 0, "relation.staff_id IN ?", f.StaffIDs)
	where(f.Status != "", "relation.status = ?", f.Status)
	where(f.ChannelCodeID != 0, "relation.channel_code_id = ?", f.ChannelCodeID)
	where(!f.AddedFrom.IsZero(), "relation.added_at >= ?", f.AddedFrom.UTC())
	where(!f.AddedTo.IsZero(), "relation.added_at < ?", f.AddedTo.UTC())
	return out
}

// like escapes what LIKE takes as a pattern; the sign of escape is '!'.
func like(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)
}

// relationsOf gives what a list shows of the relations of some customers, with their tags, in one
// statement.
func relationsOf(tx *gorm.DB, sc scope, customerIDs []int64) (map[int64][]ItemRelation, error) {
	out := map[int64][]ItemRelation{}
	if len(customerIDs) == 0 {
		return out, nil
	}
	var rows []struct {
		ItemRelation
		CustomerID int64
		TagID      *int64
	}
	err := sc.seen(tx.Table("relation")).
		Select("relation.id, relation.customer_id, relation.account_id, relation.staff_id, staff.name AS staff_name, relation.remark, "+
			"relation.status, relation.add_way, relation.channel_code_id, relation.added_at, relation.lost_at, tag_assignment.tag_id").
		Joins("LEFT JOIN staff ON staff.id = relation.staff_id").
		Joins("LEFT JOIN tag_assignment ON tag_assignment.relation_id = relation.id AND tag_assignment.sync_state IN ?", borne).
		Where("relation.customer_id IN ?", customerIDs).
		Order("relation.customer_id, relation.added_at DESC, relation.id DESC, tag_assignment.tag_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list relations: %w", err)
	}
	for _, r := range rows {
		list := out[r.CustomerID]
		if n := len(list); n == 0 || list[n-1].ID != r.ID {
			list = append(list, r.ItemRelation)
		}
		if r.TagID != nil {
			last := &list[len(list)-1]
			last.TagIDs = append(last.TagIDs, *r.TagID)
		}
		out[r.CustomerID] = list
	}
	return out, nil
}

// visibleCustomer finds whoever stands for a customer, so that what was written down before a merge still
// leads to them.
func visibleCustomer(tx *gorm.DB, sc scope, id int64) (*model.Customer, error) {
	var c model.Customer
	id, err := standing(tx, id)
	if err != nil {
		return nil, err
	}
	q := tx.Where("customer.id = ?", id)
	if !sc.all {
		q = q.Where("customer.id IN (?)", sc.seen(tx.Model(&model.Relation{})).Select("relation.customer_id").Where("relation.customer_id = ?", id))
	}
	err = q.Take(&c).Error
	return found(&c, err, "find customer")
}

func visibleRelations(tx *gorm.DB, sc scope, ids []int64) ([]*model.Relation, error) {
	var rows []*model.Relation
	if len(ids) == 0 {
		return nil, nil
	}
	if err := sc.seen(tx.Model(&model.Relation{})).Where("relation.id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find relations: %w", err)
	}
	return rows, nil
}

func identitiesOf(tx *gorm.DB, customerID int64) ([]model.Identity, error) {
	var rows []model.Identity
	if err := tx.Where("customer_id = ?", customerID).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find identities: %w", err)
	}
	return rows, nil
}

func detailRelations(tx *gorm.DB, sc scope, customerID int64) ([]DetailRelation, error) {
	var rows []struct {
		model.Relation
		StaffName string
		TagID     *int64
	}
	err := sc.seen(tx.Table("relation")).Select("relation.*, staff.name AS staff_name, tag_assignment.tag_id").
		Joins("LEFT JOIN staff ON staff.id = relation.staff_id").
		Joins("LEFT JOIN tag_assignment ON tag_assignment.relation_id = relation.id AND tag_assignment.sync_state IN ?", borne).
		Where("relation.customer_id = ?", customerID).
		Order("relation.added_at DESC, relation.id DESC, tag_assignment.tag_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find relations: %w", err)
	}
	var out []DetailRelation
	for _, r := range rows {
		at := slices.IndexFunc(out, func(d DetailRelation) bool { return d.ID == r.ID })
		if at < 0 {
			out = append(out, DetailRelation{Relation: r.Relation, StaffName: r.StaffName})
			at = len(out) - 1
		}
		if r.TagID != nil {
			out[at].TagIDs = append(out[at].TagIDs, *r.TagID)
		}
	}
	return out, nil
}

// eventsOf gives one row more than the page holds.
func eventsOf(tx *gorm.DB, sc scope, customerID int64, f TimelineFilter, at cursor) ([]model.Event, error) {
	q := tx.Where("customer_id = ?", customerID)
	if !sc.all {
		q = q.Where("staff_id IN ?", append([]int64{0}, sc.staffIDs...))
	}
	if len(f.Kinds) > 0 {
		q = q.Where("kind IN ?", f.Kinds)
	}
	if !f.From.IsZero() {
		q = q.Where("occurred_at >= ?", f.From.UTC())
	}
	if !f.To.IsZero() {
		q = q.Where("occurred_at < ?", f.To.UTC())
	}
	if !at.isZero() {
		q = q.Where("occurred_at <= ? AND (occurred_at < ? OR id < ?)", at.at, at.at, at.id)
	}
	var rows []model.Event
	if err := q.Order("occurred_at DESC, id DESC").Limit(f.Limit + 1).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find events: %w", err)
	}
	return rows, nil
}
