// Package message owns what is said: message templates and their immutable versions.
package message

// Kind is a kind of content. Names are data.
type Kind string

// The kinds of content.
const (
	KindText    Kind = "text"
	KindImage   Kind = "image"
	KindLink    Kind = "link"
	KindMiniApp Kind = "miniapp"
	KindVideo   Kind = "video"
	KindFile    Kind = "file"
	KindCard    Kind = "card"
)
