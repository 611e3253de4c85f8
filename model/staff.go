package model

import "time"

// Department 部门 mirrors a WeCom department. GoneAt is set when the platform no longer has it.
type Department struct {
	ID               int64
	AccountID        int64
	PlatformID       int64
	ParentPlatformID int64
	Name             string
	Position         int64 // the platform's order, larger first
	GoneAt           *time.Time
	CreatedAt        time.Time
	UpdatedAt        time.Time
}

// Staff 成员 is a WeCom member who serves customers and may sign in, or (AccountID 0) somebody who
// only signs in to the console.
type Staff struct {
	ID              int64
	AccountID       int64
	UserID          string `gorm:"column:userid"` // lower case; the platform ignores case
	Name            string
	Alias           string
	Avatar          string
	Position        string
	MainDepartment  int64 // platform id
	PlatformStatus  int   // 1 active, 2 disabled, 4 inactive, 5 left; 0 unknown
	ServesCustomers bool  // has the customer-contact right
	Disabled        bool  // may not sign in
	GoneAt          *time.Time
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// StaffDepartment says that a staff member belongs to a department.
type StaffDepartment struct {
	ID           int64
	StaffID      int64
	DepartmentID int64
	IsLeader     bool
}

// StaffRole gives a staff member a role in the console.
type StaffRole struct {
	ID        int64
	StaffID   int64
	Role      string
	CreatedAt time.Time
}

// RoleRequest 权限变更申请 is a change of somebody's roles that waits for a second person. Of one person at most one waits.
type RoleRequest struct {
	ID        int64
	StaffID   int64  // whose roles
	Roles     string // names with commas: all that they would have
	State     string // waiting, approved, refused, replaced
	AskedBy   int64
	DecidedBy int64
	DecidedAt *time.Time
	CreatedAt time.Time
}

// StaffLogin lets a staff member sign in with a password.
type StaffLogin struct {
	ID           int64
	StaffID      int64
	Login        string    // lower case; unique
	PasswordHash string    // argon2id, PHC text
	ChangedAt    time.Time // when the password was last set
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// SignInFailure counts failed sign-ins of one bucket: a login from one network, a network, a login.
// A bucket is known only by its SHA-256, because people type passwords where the login belongs.
type SignInFailure struct {
	ID        int64
	Bucket    []byte // SHA-256; unique
	Failures  int
	EndsAt    time.Time // the count is void from then on
	CreatedAt time.Time
}

// Session is somebody signed in. The token itself is stored nowhere, only its SHA-256.
type Session struct {
	ID        int64
	StaffID   int64
	TokenHash []byte
	Face      string // console, sidebar
	UserAgent string
	SeenAt    time.Time
	ExpiresAt time.Time
	RevokedAt *time.Time
	CreatedAt time.Time
}

// SignInState is a sign-in by WeCom that has begun: who comes back with the state, in the browser that
// began, is signed in once. Neither is stored, only their SHA-256.
type SignInState struct {
	ID          int64
	StateHash   []byte // unique
	BrowserHash []byte
	AccountID   int64
	Face        string
	Page        string // where to go afterwards: the name of a page
	ExpiresAt   time.Time
	CreatedAt   time.Time
}

// Task 待办 is something one staff member is asked to do, usually for one customer.
type Task struct {
	ID         int64
	StaffID    int64
	CustomerID int64 // 0: about nobody
	Kind       string
	DedupeKey  string // unique: the same reason asks once
	Title      string
	Note       string
	Status     string // open, done, dropped
	DueAt      time.Time
	ClosedAt   *time.Time
	CreatedAt  time.Time
	UpdatedAt  time.Time
}
