package model

import "time"

// CustomerGroup 客户群 mirrors a WeCom customer group chat.
type CustomerGroup struct {
	ID            int64
	AccountID     int64
	ChatID        string
	Name          string
	Notice        string
	OwnerUserID   string `gorm:"column:owner_userid"`
	OwnerStaffID  int64
	MemberVersion string
	MemberCount   int64
	CustomerCount int64
	FoundedAt     time.Time
	DismissedAt   *time.Time
	SeenRunID     int64
	// Revision rises with every reading that was applied; a reading begun before the last one is old.
	Revision  int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// GroupMember 群成员 is somebody's stay in a group: a staff member, a customer, or a stranger.
type GroupMember struct {
	ID         int64
	GroupID    int64
	UserID     string `gorm:"column:userid"` // userid or external_userid
	Kind       string // staff, external
	StaffID    int64
	CustomerID int64 // 0: an outsider nobody follows
	Name       string
	Nickname   string // in the group
	JoinScene  int
	InvitedBy  string
	State      string
	JoinedAt   time.Time
	LeftAt     *time.Time
	QuitScene  int // 0 left, 1 removed, -1 not known
	CreatedAt  time.Time
	UpdatedAt  time.Time
}
