// Package transfer brings tables in and takes tables out: customers, orders, tags, lists, as CSV or XLSX. Files are kept in
// the database and worked through in chunks by the queue, so that a run survives the process and any replica
// may go on with it. What a row means is not its business: capabilities register an [Importer] or [Exporter].
package transfer

import (
	"context"
	"log/slog"
	"time"

	"gorm.io/gorm"

	"zhiyin/service/campaign"
	"zhiyin/service/catalog"
	"zhiyin/service/clock"
	"zhiyin/service/outreach"
	"zhiyin/service/segment"
	"zhiyin/service/work"
)

// Importer is a kind of table that can be brought in.
type Importer struct {
	Kind, Zh, En string
	// Columns are what a row can say, at this moment: there may be custom ones.
	Columns func(ctx context.Context) ([]Column, error)
	// Apply acts upon rows in their order and says of each what became of it, in one outcome per row. A row that is
	// wrong is an outcome; an error means that none was acted upon. It has no effect but in tx, and is run
	// again after a failure.
	Apply func(tx *gorm.DB, b Batch) ([]Outcome, error)
}

// Batch is some rows of one import.
type Batch struct {
	ImportID     int64
	StaffID      int64  // who imports
	ConsentBasis string // on what ground these persons' data may be used
	Rows         []Row
}

// Row is what a row says: its number as people count, and its cells by column. Empty cells are not there.
type Row struct {
	Number int64
	Values map[string]Value
}

// Result is what became of a row.
type Result int

// The results.
const (
	Created Result = iota
	Updated
	Unchanged
	Failed
)

// Outcome tells of a row what became of it, and of a failed one why.
type Outcome struct {
	Result Result
	Column string // the key of the column that is wrong; empty: the row
	Code   string
	Reason string // for people; holds no cell
}

// Exporter is a kind of table that can be taken out.
type Exporter struct {
	Kind, Zh, En string
	Columns      func(ctx context.Context) ([]Column, error)
	// Check refuses a filter that can't be read.
	Check func(ctx context.Context, filter []byte) error
	// Page reads at most limit rows from a place, with the cells of the columns asked for, and tells where the next page
	// begins; empty is the table's beginning and its end.
	Page func(ctx context.Context, q Query, from string, limit int) (rows [][]string, next string, err error)
}

// Query is what an export wants.
type Query struct {
	StaffID int64
	Filter  []byte // JSON, of the kind
	Columns []string
}

// Deps are what the package needs. Zone is where days begin; zero limits mean what is said at each.
type Deps struct {
	DB         *gorm.DB
	Queue      *work.Queue
	Now        clock.Clock
	Zone       *time.Location
	MaxFile    int64         // bytes of an upload; 0: 64 MiB
	ExportRows int64         // of one export; 0: 100,000
	KeepFiles  time.Duration // 0: 24 hours
	// ApprovalAbove is how many rows one person may take out; a larger export waits for a second person (S-52). 0: 10,000.
	ApprovalAbove int64
	// Colleagues know whether there is a second person.
	Colleagues Colleagues
	Logger     *slog.Logger
}

// Colleagues know who may sign in and holds some permissions.
type Colleagues interface {
	HoldersTx(tx *gorm.DB, permissions ...string) (staffIDs []int64, err error)
}

// Service brings in and takes out.
type Service struct {
	Deps
	importers map[string]Importer
	exporters map[string]Exporter
}

// The kinds of its works.
const (
	workImport = "transfer.import"
	workExport = "transfer.export"
)

// New makes the service and says who does its works. Register importers and exporters before a worker starts.
func New(d Deps) *Service {
	if d.MaxFile == 0 {
		d.MaxFile = 64 << 20
	}
	if d.ExportRows == 0 {
		d.ExportRows = 100_000
	}
	if d.ApprovalAbove == 0 {
		d.ApprovalAbove = 10_000
	}
	if d.KeepFiles == 0 {
		d.KeepFiles = 24 * time.Hour
	}
	s := &Service{d, map[string]Importer{}, map[string]Exporter{}}
	policy := work.Policy{MaxAttempts: 8, Timeout: 10 * time.Minute}
	work.Handle(d.Queue, workImport, policy, s.runImport)
	work.Handle(d.Queue, workExport, policy, s.runExport)
	return s
}

// Import registers a kind of table that can be brought in.
func (s *Service) Import(i Importer) { s.importers[i.Kind] = i }

// Export registers a kind of table that can be taken out.
func (s *Service) Export(e Exporter) { s.exporters[e.Kind] = e }

// Capabilities are what the tables of customers, orders and tags speak to.
type Capabilities struct {
	People People
	Orders *catalog.Service
	// Deliveries are who got which message.
	Deliveries *outreach.Service
	Campaigns  *campaign.Service
	Segments   *segment.Service
	Viewers    Viewers
}

// Tables registers all kinds of tables that there are.
func (s *Service) Tables(c Capabilities) {
	for _, i := range []Importer{customersImport(c.People), tagsImport(c.People), listsImport(c.People, c.Segments), ordersImport(c.Orders, s.Now)} {
		s.Import(i)
	}
	for _, e := range []Exporter{
		customersExport(s.Deps, c.People.Customers, c.Viewers), ordersExport(s.Deps, c.Orders, c.Viewers),
		deliveriesExport(s.Deps, c.Deliveries, c.People.Customers, c.Viewers), membersExport(s.Deps, c.Campaigns, c.People.Customers, c.Viewers),
	} {
		s.Export(e)
	}
}

type runPayload struct {
	ID int64 `json:"id"`
}
