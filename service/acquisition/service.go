// Package acquisition is how customers come in: channel codes 渠道活码, which are contact ways with a staff
// schedule, and the welcome messages 欢迎语 that greet whoever came, with the media 素材 they carry.
package acquisition

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/staff"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// Platform is what this package asks of an account's WeCom app.
type Platform interface {
	AddContactWay(ctx context.Context, in wecom.NewContactWay) (configID, qrCode string, err error)
	UpdateContactWay(ctx context.Context, configID string, change wecom.ContactWayChange) error
	ContactWay(ctx context.Context, configID string) (*wecom.ContactWay, error)
	ContactWays(ctx context.Context, q wecom.ContactWayQuery) (configIDs []string, next string, err error)
	DeleteContactWay(ctx context.Context, configID string) error
	SendWelcome(ctx context.Context, code string, w wecom.Welcome) error
	UploadMedia(ctx context.Context, kind wecom.MediaKind, filename string, content []byte) (*wecom.Media, error)
	Customer(ctx context.Context, externalUserID string) (*wecom.Customer, error)
}

// Staff knows staff members and what they are asked to do.
type Staff interface {
	EnsureTx(tx *gorm.DB, accountID int64, userid string) (*model.Staff, error)
	AddTaskTx(tx *gorm.DB, in staff.TaskInput) error
}

// Tags gives relations tags, here and at the platform.
type Tags interface {
	AssignTx(tx *gorm.DB, relations []*model.Relation, add, remove []int64, source string) error
}

// Remarks changes what staff call a customer, here and at the platform.
type Remarks interface {
	SetRemarkTx(tx *gorm.DB, relationID int64, remark string) error
}

// Deps is what a Service is made of; all of it is needed but Metrics.
type Deps struct {
	DB    *gorm.DB
	Queue *work.Queue
	Now   clock.Clock
	// Zone is where the business day and the shifts are.
	Zone    *time.Location
	Corp    func(account string) Platform
	Staff   Staff
	Tags    Tags
	Remarks Remarks
	Metrics prometheus.Registerer
}

// Service runs channel codes, welcomes and media. Safe for concurrent use.
type Service struct {
	db      *gorm.DB
	queue   *work.Queue
	now     clock.Clock
	zone    *time.Location
	corp    func(account string) Platform
	staff   Staff
	tags    Tags
	remarks Remarks
	metrics *metrics
	ending  *model.GroupCommit[ending, struct{}] // of welcomes
}

// The kinds of work done here. Names are data.
const (
	workPush    = "channel_code.push"
	workDelete  = "channel_code.delete"
	workWelcome = "welcome.send"
	workUpload  = "media.upload"
)

// New makes a Service and registers its works with the queue and its metrics.
func New(d Deps) (*Service, error) {
	m, err := newMetrics(d.Metrics)
	if err != nil {
		return nil, fmt.Errorf("register metrics of acquisition: %w", err)
	}
	s := &Service{
		db: d.DB, queue: d.Queue, now: d.Now, zone: d.Zone, corp: d.Corp, staff: d.Staff, tags: d.Tags, remarks: d.Remarks, metrics: m,
	}
	s.ending = model.NewGroupCommit(d.DB, 100, 2, s.endWelcomes)
	work.Handle(d.Queue, workPush, work.Policy{}, s.push)
	work.Handle(d.Queue, workDelete, work.Policy{}, s.remove)
	work.Handle(d.Queue, workWelcome, welcomePolicy, s.sendWelcome)
	work.Handle(d.Queue, workUpload, work.Policy{Timeout: 2 * time.Minute}, s.upload)
	return s, nil
}

// day is the business day of a moment.
func (s *Service) day(t time.Time) string { return t.In(s.zone).Format(time.DateOnly) }
