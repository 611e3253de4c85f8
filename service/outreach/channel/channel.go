// Package channel holds the ways to reach customers 触达渠道: what each can carry and how often, how it turns deliveries into
// platform calls, and what it learns afterwards of their fate.
package channel

import (
	"context"
	"log/slog"
	"regexp"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/outreach/message"
	"zhiyin/service/staff"
	"zhiyin/service/vault"
	"zhiyin/service/webhook"
	"zhiyin/wecom"
)

// Corp is the platform as one WeCom account; *wecom.Corp is one.
type Corp interface {
	CreateMass(ctx context.Context, m wecom.Mass) (*wecom.MassCreated, error)
	MassMessages(ctx context.Context, q wecom.MassQuery) ([]wecom.MassMessage, string, error)
	MassTasks(ctx context.Context, messageID, cursor string) ([]wecom.MassTask, string, error)
	MassResults(ctx context.Context, messageID, userID, cursor string) ([]wecom.MassResult, string, error)
	RemindMass(ctx context.Context, messageID string) error
	CancelMass(ctx context.Context, messageID string) error

	CreateMoment(ctx context.Context, m wecom.Moment) (jobID string, err error)
	MomentJob(ctx context.Context, jobID string) (*wecom.MomentJob, error)
	Moments(ctx context.Context, from, until time.Time, cursor string) ([]wecom.PostedMoment, string, error)
	MomentTasks(ctx context.Context, momentID, cursor string) ([]wecom.MomentTask, string, error)
	MomentShown(ctx context.Context, momentID, userID, cursor string) ([]string, string, error)
	CancelMoment(ctx context.Context, momentID string) error
	UploadMomentMedia(ctx context.Context, kind wecom.MediaKind, filename string, content []byte) (*wecom.Media, error)

	SendStaffText(ctx context.Context, userIDs []string, text string) (*wecom.Receipt, error)
	SendStaffCard(ctx context.Context, userIDs []string, card wecom.Card) (*wecom.Receipt, error)
	SendStaffTemplate(ctx context.Context, userIDs []string, card wecom.TemplateCard) (*wecom.Receipt, error)

	KfAccounts(ctx context.Context) ([]wecom.KfAccount, error)
	SendKf(ctx context.Context, m wecom.KfMessage) (messageID string, err error)
	KfItems(ctx context.Context, kfID, cursor, token string) (*wecom.KfPage, error)
}

// MiniApp is the platform as one mini-program; *wecom.MiniApp is one.
type MiniApp interface {
	SubscribeTemplates(ctx context.Context) ([]wecom.SubscribeTemplate, error)
	SendSubscribed(ctx context.Context, s wecom.Subscribed) (int64, error)
}

// Accounts finds platform accounts; *account.Service is one.
type Accounts interface {
	ByID(ctx context.Context, id int64) (*model.Account, error)
	List(ctx context.Context) ([]model.Account, error)
}

// Messages says what a message reads for whom; *message.Service is one.
type Messages interface {
	// Render fills in a message for each recipient, in order.
	Render(ctx context.Context, messageID int64, to []message.Recipient) ([]message.Rendered, error)
}

// Media keeps files that messages carry; *acquisition.Service is one.
type Media interface {
	// Handles gives the platform's handles of files; one that it will not have for a while yet is absent, and uploaded soon.
	Handles(ctx context.Context, ids []int64) (map[int64]string, error)
	// Forgotten has files uploaded anew that the platform says it does not have.
	Forgotten(ctx context.Context, ids []int64) error
	// MediaFile reads a file with its content.
	MediaFile(ctx context.Context, id int64) (*model.Media, []byte, error)
}

// Ledger is what channels tell of deliveries; *outreach.Service is one.
type Ledger interface {
	PlanTx(tx *gorm.DB, in []outreach.Intent) (planned int, err error)
	// ReportTx writes what became of up to 1,000 deliveries. Repeatable: no state goes back.
	ReportTx(tx *gorm.DB, news []News) (changed int, err error)
	// AskAnew asks the governor about a delivery that somebody is about to send by hand.
	AskAnew(ctx context.Context, id int64) (governor.Ruling, error)
}

// News is what became of a delivery after the platform had accepted it.
type News = outreach.Report

// Tasks keeps what staff have to do; *staff.Service is one.
type Tasks interface {
	AddTaskTx(tx *gorm.DB, in staff.TaskInput) error
	DropTaskTx(tx *gorm.DB, id int64) (dropped bool, err error)
}

// Persons reads what identities hide; *customer.Service is one.
type Persons interface {
	// Phone opens the number of an identity.
	Phone(i *model.Identity) (string, error)
}

// Addresses reads what customers have said of themselves; *profile.Service is one.
type Addresses interface {
	// TextsOf gives customers' values of a custom field; who has none is absent, as all are when there is no such field.
	TextsOf(ctx context.Context, field string, customerIDs []int64) (map[int64]string, error)
}

// Deps is what a Service needs.
type Deps struct {
	DB        *gorm.DB
	Now       clock.Clock
	Zone      *time.Location // of business days
	Accounts  Accounts
	Corp      func(account string) Corp
	MiniApp   func(account string) MiniApp
	Messages  Messages
	Media     Media
	Ledger    Ledger
	Tasks     Tasks
	Persons   Persons
	Vault     *vault.Vault
	Guard     webhook.Guard // of the addresses that operators type
	Addresses Addresses
	// OpenURL is where staff open what a card tells them of: the sidebar's page; empty: cards without an address of their own
	// can't be sent.
	OpenURL string
	// ShortLinks is where short links begin on our own address, https://scrm.example.com/s/. In messages that are written for one person each is
	// made to tell who followed it; empty: none is.
	ShortLinks string
	IDs        model.PublicIDs // what a link tells a person by
	Logger     *slog.Logger
}

// Service owns what channels keep. Safe for concurrent use.
type Service struct {
	Deps
	list     []outreach.Channel
	settings settings
	links    *regexp.Regexp // short links in a text; nil: none
}

// New puts the channels together.
func New(d Deps) *Service {
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	s := &Service{Deps: d}
	if d.ShortLinks != "" {
		s.links = regexp.MustCompile(regexp.QuoteMeta(d.ShortLinks) + `[0-9a-z]+(/?)`)
	}
	s.list = []outreach.Channel{
		&mass{Service: s}, &mass{Service: s, groups: true}, &moment{s}, &app{Service: s}, &task{s}, &subscribe{s}, &kf{s}, &inbox{s},
		newSMS(s), newEmail(s),
	}
	return s
}

// Channels lists all channels.
func (s *Service) Channels() []outreach.Channel { return s.list }

// now is the time to the millisecond, as rows keep it.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// corpOf is the platform for an account by its row.
func (s *Service) corpOf(ctx context.Context, accountID int64) (*model.Account, Corp, error) {
	a, err := s.Accounts.ByID(ctx, accountID)
	if err != nil {
		return nil, nil, err
	}
	return a, s.Corp(a.Name), nil
}

// shanghai is the zone of the platform's days and months.
var shanghai = time.FixedZone("UTC+8", 8*60*60)
