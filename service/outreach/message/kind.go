// Package message owns what is said: messages 消息模板 that people edit, their immutable versions, the variables a text may name,
// the check of what must not be said, and putting in what is known of each recipient.
package message

// Kind is a kind of content. Names are data.
type Kind string

// The kinds of content.
const (
	KindText      Kind = "text"
	KindSubject   Kind = "subject" // a heading apart from the text: e-mail, in-app inbox
	KindImage     Kind = "image"
	KindLink      Kind = "link"
	KindMiniApp   Kind = "miniapp"
	KindVideo     Kind = "video"
	KindFile      Kind = "file"
	KindCard      Kind = "card"      // text card; with fields, a template card
	KindSubscribe Kind = "subscribe" // the data of a mini-program's subscribe message
)

// Kinds lists all kinds.
var Kinds = []Kind{KindText, KindSubject, KindImage, KindLink, KindMiniApp, KindVideo, KindFile, KindCard, KindSubscribe}
