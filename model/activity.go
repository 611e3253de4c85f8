package model

import "time"

// StaffActivity 成员联系统计 is what a staff member did on one day, as the platform counts it.
// (StaffID, Day) is unique.
type StaffActivity struct {
	ID        int64
	AccountID int64
	StaffID   int64
	Day       string // 2006-01-02 by the clock of China, whose days the platform counts
	Chats     int64  // single conversations
	Messages  int64
	Negative  int64  // customers who deleted or blocked the member
	Applied   int64  // friendships asked for
	Met       int64  // new customers
	ReplyBP   *int64 // basis points of the conversations that were answered; nil: there were none
	ReplyMin  *int64 // minutes until the first answer, on average
	// Of the customer groups that the member owns.
	NewGroups     int64
	GroupsOwned   int64
	TalkingGroups int64 // in which somebody said something
	NewMembers    int64
	Members       int64
	Talkers       int64 // members who said something
	GroupMessages int64
	CreatedAt     time.Time
	UpdatedAt     time.Time // when the platform was asked last
}
