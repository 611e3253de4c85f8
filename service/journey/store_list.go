package journey

import (
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
)

var like = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

func listJourneys(tx *gorm.DB, f ListFilter) (rows []model.Journey, err error) {
	q := tx.Omit("draft").Where("gone_at IS NULL")
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.Name != "" {
		q = q.Where("name LIKE ? ESCAPE '!'", "%"+like.Replace(f.Name)+"%")
	}
	if f.After != 0 {
		q = q.Where("id < ?", f.After)
	}
	if err = q.Order("id DESC").Limit(f.Limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list journeys: %w", err)
	}
	return rows, nil
}

func enrolmentByID(tx *gorm.DB, id int64) (*model.Enrolment, error) {
	var row model.Enrolment
	err := tx.Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrEnrolment
	}
	if err != nil {
		return nil, fmt.Errorf("find enrolment %d: %w", id, err)
	}
	return &row, nil
}

func enrolmentsBefore(tx *gorm.DB, f EnrolmentFilter) (rows []model.Enrolment, err error) {
	q := tx.Order("id DESC").Limit(f.Limit)
	if f.JourneyID != 0 {
		q = q.Where("journey_id = ?", f.JourneyID)
	}
	if f.CustomerID != 0 {
		q = q.Where("customer_id = ?", f.CustomerID)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.Node != "" {
		q = q.Where("node = ?", f.Node)
	}
	if f.Before != 0 {
		q = q.Where("id < ?", f.Before)
	}
	if err = q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list enrolments: %w", err)
	}
	return rows, nil
}

func visitsOf(tx *gorm.DB, enrolment int64) (rows []model.EnrolmentVisit, err error) {
	if err = tx.Where("enrolment_id = ?", enrolment).Order("visit").Limit(1000).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list visits of enrolment %d: %w", enrolment, err)
	}
	return rows, nil
}

func countsOf(tx *gorm.DB, journey int64, version int) (rows []model.JourneyCount, err error) {
	if err = tx.Where("journey_id = ? AND version = ?", journey, version).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("count visits of journey %d: %w", journey, err)
	}
	return rows, nil
}

// hereCount is how many are at a node.
type hereCount struct {
	Node, State string
	Count       int64
}

func hereNow(tx *gorm.DB, journey int64, version int) (rows []hereCount, err error) {
	err = tx.Model(&model.Enrolment{}).Select("node, state, COUNT(*) AS count").Where("journey_id = ? AND version = ? AND state IN ?", journey, version, []string{Running, Stuck}).
		Group("node, state").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count enrolments of journey %d: %w", journey, err)
	}
	return rows, nil
}
