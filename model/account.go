package model

import "time"

// Account 账号 is one platform account: a WeCom corp with one self-built app, or a mini-program.
// Sealed columns hold credentials encrypted by the account capability.
type Account struct {
	ID         int64
	Kind       string // wecom or miniapp
	Name       string // short name in callback addresses; unique
	Title      string // what people read
	PlatformID string // corp id or app id; unique: a corp entered twice would be mirrored twice
	AgentID    int64  // WeCom only

	SealedSecret         []byte
	SealedCallbackToken  []byte
	SealedCallbackAESKey []byte
	// The callback keys before the last rotation stay valid until OldCallbackUntil.
	SealedOldCallbackToken  []byte
	SealedOldCallbackAESKey []byte
	OldCallbackUntil        *time.Time

	Enabled   bool
	CreatedAt time.Time
	UpdatedAt time.Time
}
