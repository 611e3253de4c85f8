package model

import "time"

// TransferFile is a file that was uploaded to be imported or made by an export. Its bytes are parts in the database, so
// that every replica can read it.
type TransferFile struct {
	ID        int64
	Name      string
	MIME      string
	Size      int64
	ExpiresAt time.Time // afterwards it is deleted
	CreatedAt time.Time
}

// TransferPart is a piece of a file, counted from 0.
type TransferPart struct {
	ID      int64
	FileID  int64
	Part    int
	Content []byte
}

// ImportRun 导入 is a table on its way in. NextRow is the first row not yet acted upon; it moves in the transaction that acts.
type ImportRun struct {
	ID           int64
	Kind         string // customers, lists, orders, tags
	FileID       int64
	StaffID      int64
	Status       string // ready, running, done, failed, cancelled
	Dry          bool   // everything is done and undone again
	Encoding     string
	Delimiter    string
	Mapping      string // JSON: a column's key by its place in the file
	ConsentBasis string // on what ground these persons' data may be kept and used
	Header       string // JSON: the file's first row
	TotalRows    int64
	NextRow      int64 // as people count them: the header is row 1
	Created      int64
	Updated      int64
	Unchanged    int64
	Failed       int64
	Problems     int64
	Error        string
	StartedAt    *time.Time
	FinishedAt   *time.Time
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// ImportProblem is what was wrong with a row.
type ImportProblem struct {
	ID         int64
	ImportID   int64
	Line       int64  // of the table, as people count: the header is 1
	ColumnName string // empty: the whole row
	Code       string
	Reason     string
}

// ExportApproval is what a second person said of a large export. Its key lets one person decide, once.
type ExportApproval struct {
	ExportID  int64 `gorm:"primaryKey;autoIncrement:false"`
	Approved  bool
	DecidedBy int64
	DecidedAt time.Time
}

// ExportRun 导出 is a table on its way out.
type ExportRun struct {
	ID         int64
	Kind       string
	StaffID    int64
	Purpose    string // why somebody wants it
	Watermark  string // in every row: whoever finds the file can ask whose it was
	Format     string // csv, xlsx
	Filter     string // JSON, of the kind
	Columns    string // JSON: the keys, in their order
	Status     string // running, waiting, done, failed, cancelled, refused
	FileID     int64  // 0: not yet
	RowCap     int64
	Written    int64
	Capped     bool // there was more
	Downloads  int64
	Error      string
	StartedAt  *time.Time
	FinishedAt *time.Time
	ExpiresAt  *time.Time // when the file is deleted
	CreatedAt  time.Time
	UpdatedAt  time.Time
}
