package privacy

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// person gives a customer who stands for themselves.
func person(tx *gorm.DB, id int64) (*model.Customer, error) {
	var row model.Customer
	err := tx.Select("id", "minor").Where("id = ? AND merged_into = 0", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNoCustomer
	}
	if err != nil {
		return nil, fmt.Errorf("find customer: %w", err)
	}
	return &row, nil
}

func minorsOf(tx *gorm.DB, ids []int64) (map[int64]bool, error) {
	var found []int64
	if err := tx.Model(&model.Customer{}).Where("id IN ? AND minor = ?", ids, true).Pluck("id", &found).Error; err != nil {
		return nil, fmt.Errorf("find children: %w", err)
	}
	out := make(map[int64]bool, len(found))
	for _, id := range found {
		out[id] = true
	}
	return out, nil
}

func insertNotice(tx *gorm.DB, row *model.Notice) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert notice: %w", err)
	}
	return nil
}

func newestNotice(tx *gorm.DB, purpose string) (*model.Notice, error) {
	var rows []model.Notice
	if err := tx.Where("purpose = ?", purpose).Order("version DESC").Limit(1).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find the newest notice: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return &rows[0], nil
}

func allNotices(tx *gorm.DB) ([]model.Notice, error) {
	var rows []model.Notice
	if err := tx.Order("purpose, version DESC").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list notices: %w", err)
	}
	return rows, nil
}

func noticesAt(tx *gorm.DB, at time.Time) (map[string]*model.Notice, error) {
	var rows []model.Notice
	if err := tx.Where("effective_at <= ?", at).Order("purpose, version").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	out := map[string]*model.Notice{}
	for i := range rows {
		out[rows[i].Purpose] = &rows[i] // the last version wins
	}
	return out, nil
}

func noticeVersion(tx *gorm.DB, purpose string, version int) (*model.Notice, error) {
	var row model.Notice
	err := tx.Where("purpose = ? AND version = ?", purpose, version).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find notice: %w", err)
	}
	return &row, nil
}

func insertConsent(tx *gorm.DB, row *model.Consent) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert consent: %w", err)
	}
	return nil
}

// family is the customers and those who turned out to be them: a ledger stays under the name it was
// written in, so that undoing a merge has nothing to undo here. stands says who stands for whom.
func family(tx *gorm.DB, ids []int64) (all []int64, stands map[int64]int64, err error) {
	stands = make(map[int64]int64, len(ids))
	for _, id := range ids {
		stands[id] = id
	}
	all = slices.Clone(ids)
	for newest := all; len(newest) > 0; {
		var rows []model.Customer
		if err := tx.Select("id", "merged_into").Where("merged_into IN ?", newest).Find(&rows).Error; err != nil {
			return nil, nil, fmt.Errorf("find merged customers: %w", err)
		}
		newest = nil
		for _, r := range rows {
			if _, known := stands[r.ID]; !known {
				stands[r.ID] = stands[r.MergedInto]
				newest = append(newest, r.ID)
			}
		}
		all = append(all, newest...)
	}
	return all, stands, nil
}

// lastConsents gives what each customer said last about each purpose, until a time; zero: until now.
func lastConsents(tx *gorm.DB, ids []int64, until time.Time) (map[int64]map[string]*model.Consent, error) {
	all, stands, err := family(tx, ids)
	if err != nil {
		return nil, err
	}
	q := tx.Where("customer_id IN ?", all)
	if !until.IsZero() {
		q = q.Where("created_at <= ?", until)
	}
	var rows []model.Consent
	if err := q.Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read consents: %w", err)
	}
	out := map[int64]map[string]*model.Consent{}
	for i := range rows {
		r := &rows[i]
		who := stands[r.CustomerID]
		if out[who] == nil {
			out[who] = map[string]*model.Consent{}
		}
		out[who][r.Purpose] = r
	}
	return out, nil
}

// nextConsent is the number of the next entry under a customer's own name.
func nextConsent(tx *gorm.DB, id int64, purpose string) (n int, err error) {
	err = tx.Model(&model.Consent{}).Select("COALESCE(MAX(ordinal), 0) + 1").Where("customer_id = ? AND purpose = ?", id, purpose).Scan(&n).Error
	if err != nil {
		return 0, fmt.Errorf("number a consent: %w", err)
	}
	return n, nil
}

func ledgerOf(tx *gorm.DB, id int64) ([]model.Consent, error) {
	all, _, err := family(tx, []int64{id})
	if err != nil {
		return nil, err
	}
	var rows []model.Consent
	if err := tx.Where("customer_id IN ?", all).Order("created_at DESC, id DESC").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return rows, nil
}

func insertChoice(tx *gorm.DB, row *model.ContactChoice) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert contact choice: %w", err)
	}
	return nil
}

// lastChoices gives what each customer chose last, by channel.
func lastChoices(tx *gorm.DB, ids []int64) (map[int64]map[string]model.ContactChoice, error) {
	all, stands, err := family(tx, ids)
	if err != nil {
		return nil, err
	}
	rows, err := choicesOf(tx, all)
	if err != nil {
		return nil, err
	}
	out := map[int64]map[string]model.ContactChoice{}
	for _, r := range rows {
		who := stands[r.CustomerID]
		if out[who] == nil {
			out[who] = map[string]model.ContactChoice{}
		}
		out[who][r.Channel] = r
	}
	return out, nil
}

// choicesOf gives the choices of customers, the last one last.
func choicesOf(tx *gorm.DB, ids []int64) (rows []model.ContactChoice, err error) {
	if err := tx.Where("customer_id IN ?", ids).Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read contact choices: %w", err)
	}
	return rows, nil
}

// consentsAbout gives what customers said about some purposes, the last one last.
func consentsAbout(tx *gorm.DB, ids []int64, purposes []string) (rows []model.Consent, err error) {
	err = tx.Where("customer_id IN ? AND purpose IN ?", ids, purposes).Order("created_at, id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read consents: %w", err)
	}
	return rows, nil
}

// oddOnes tells who of many is a child, and who is no customer or stands for themselves no more. Nearly always the count
// alone answers.
func oddOnes(tx *gorm.DB, ids []int64) (minors map[int64]bool, gone []int64, err error) {
	var n struct{ Present, Minors int64 }
	err = tx.Model(&model.Customer{}).Select("COUNT(*) AS present, COALESCE(SUM(minor), 0) AS minors").
		Where("id IN ? AND merged_into = 0", ids).Scan(&n).Error
	if err != nil {
		return nil, nil, fmt.Errorf("count customers: %w", err)
	}
	if n.Minors > 0 {
		if minors, err = minorsOf(tx, ids); err != nil {
			return nil, nil, err
		}
	}
	if int(n.Present) == len(ids) {
		return minors, nil, nil
	}
	var present []int64
	if err := tx.Model(&model.Customer{}).Where("id IN ? AND merged_into = 0", ids).Pluck("id", &present).Error; err != nil {
		return nil, nil, fmt.Errorf("find customers: %w", err)
	}
	here := make(map[int64]bool, len(present))
	for _, id := range present {
		here[id] = true
	}
	for _, id := range ids {
		if !here[id] {
			gone = append(gone, id)
		}
	}
	return minors, gone, nil
}

// nextChoice is the number of the next entry under a customer's own name.
func nextChoice(tx *gorm.DB, id int64, channel string) (n int, err error) {
	err = tx.Model(&model.ContactChoice{}).Select("COALESCE(MAX(ordinal), 0) + 1").Where("customer_id = ? AND channel = ?", id, channel).Scan(&n).Error
	if err != nil {
		return 0, fmt.Errorf("number a contact choice: %w", err)
	}
	return n, nil
}

// insertRequest inserts a request unless one of its kind is open.
func insertRequest(tx *gorm.DB, row *model.PrivacyRequest) (fresh bool, err error) {
	res := model.InsertIgnore(tx).Create(row)
	if res.Error != nil {
		return false, fmt.Errorf("insert request: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}

func openRequest(tx *gorm.DB, key string) (*model.PrivacyRequest, error) {
	var row model.PrivacyRequest
	// A locking read sees what another has just committed, whatever this transaction read before.
	if err := model.ForUpdate(tx).Where("open_key = ?", key).Take(&row).Error; err != nil {
		return nil, fmt.Errorf("find the open request: %w", err)
	}
	return &row, nil
}

// openRequests gives those of the customers who have a request of a kind open.
func openRequests(tx *gorm.DB, ids []int64, kind string) (who []int64, err error) {
	all, stands, err := family(tx, ids)
	if err != nil {
		return nil, err
	}
	return openRequestsOf(tx, all, stands, kind)
}

func openRequestsOf(tx *gorm.DB, all []int64, stands map[int64]int64, kind string) (who []int64, err error) {
	var found []int64
	err = tx.Model(&model.PrivacyRequest{}).Where("customer_id IN ? AND kind = ? AND open_key IS NOT NULL", all, kind).Pluck("customer_id", &found).Error
	if err != nil {
		return nil, fmt.Errorf("find open requests: %w", err)
	}
	for _, id := range found {
		who = append(who, stands[id])
	}
	return who, nil
}

func cancelRequest(tx *gorm.DB, id int64, at time.Time) (done bool, err error) {
	res := tx.Model(&model.PrivacyRequest{}).Where("id = ? AND state = ?", id, StateRecorded).
		Updates(map[string]any{"state": StateCancelled, "open_key": nil, "updated_at": at, "finished_at": at})
	if res.Error != nil {
		return false, fmt.Errorf("cancel request: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}

func requestOf(tx *gorm.DB, customerID, id int64) (*model.PrivacyRequest, error) {
	all, _, err := family(tx, []int64{customerID})
	if err != nil {
		return nil, err
	}
	var row model.PrivacyRequest
	err = tx.Where("id = ? AND customer_id IN ?", id, all).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find request: %w", err)
	}
	return &row, nil
}

func requestsOf(tx *gorm.DB, customerID int64) ([]model.PrivacyRequest, error) {
	all, _, err := family(tx, []int64{customerID})
	if err != nil {
		return nil, err
	}
	var rows []model.PrivacyRequest
	if err := tx.Where("customer_id IN ?", all).Order("id DESC").Limit(100).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list requests: %w", err)
	}
	return rows, nil
}

func listRequests(tx *gorm.DB, f RequestFilter) ([]model.PrivacyRequest, error) {
	q := tx.Order("id DESC").Limit(f.Limit)
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.Kind != "" {
		q = q.Where("kind = ?", f.Kind)
	}
	if f.After != 0 {
		q = q.Where("id < ?", f.After)
	}
	var rows []model.PrivacyRequest
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list requests: %w", err)
	}
	return rows, nil
}
