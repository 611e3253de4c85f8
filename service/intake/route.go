package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"zhiyin/service/visit"
)

// route says what becomes of a kind of message.
type route struct {
	kind string
	// about names the thing that the message concerns; what concerns one thing is handled in order.
	about func(m *Message) string
	// act makes our rows follow. It is called at least once and must bear repeating. Nil: the message
	// is kept, and nothing needs to follow yet.
	act func(s *Service, ctx context.Context, e Event) error
}

// routeTable is the one list of what the platform tells us and who acts upon it. A kind that is not
// here is kept as unknown, and can be replayed once it is. Platform documentation, 事件格式.
var routeTable = []route{
	{"change_external_contact.add_external_contact", aboutCustomer, (*Service).customerChanged},
	{"change_external_contact.add_half_external_contact", aboutCustomer, (*Service).customerHalfAdded},
	{"change_external_contact.edit_external_contact", aboutCustomer, (*Service).customerChanged},
	{"change_external_contact.del_external_contact", aboutCustomer, (*Service).customerRemoved},
	{"change_external_contact.del_follow_user", aboutCustomer, (*Service).customerLeft},
	{"change_external_contact.transfer_fail", aboutCustomer, (*Service).customerChanged},
	{"change_external_contact.msg_audit_approved", aboutCustomer, (*Service).customerChanged},

	{"change_external_chat.create", aboutGroup, (*Service).groupChanged},
	{"change_external_chat.update", aboutGroup, (*Service).groupChanged},
	{"change_external_chat.dismiss", aboutGroup, (*Service).groupChanged},

	{"change_external_tag.create", aboutTags, (*Service).tagsChanged},
	{"change_external_tag.update", aboutTags, (*Service).tagsChanged},
	{"change_external_tag.delete", aboutTags, (*Service).tagsChanged},
	{"change_external_tag.shuffle", aboutTags, (*Service).tagsChanged},

	{"change_contact.create_user", aboutStaff, (*Service).staffChanged},
	{"change_contact.update_user", aboutStaff, (*Service).staffChanged},
	{"change_contact.delete_user", aboutStaff, (*Service).staffLeft},
	{"change_contact.create_party", aboutDepartments, (*Service).departmentsChanged},
	{"change_contact.update_party", aboutDepartments, (*Service).departmentsChanged},
	{"change_contact.delete_party", aboutDepartments, (*Service).departmentsChanged},

	{visit.Modified, aboutVisitor, (*Service).authorizationChanged},
	{visit.Revoked, aboutVisitor, (*Service).authorizationChanged},
	{visit.Cancelled, aboutVisitor, (*Service).authorizationChanged},

	{"wxa_media_check", aboutTrace, (*Service).pictureJudged},

	{"kf_msg_or_event", aboutKf, (*Service).kfChanged},
	{"subscribe_msg_popup_event", aboutUser, (*Service).subscribePrompted},
	{"subscribe_msg_change_event", aboutUser, (*Service).subscribeChanged},
	{"subscribe_msg_sent_event", aboutUser, (*Service).subscribeSent},

	// Known, and of no use to what there is so far.
	{kind: "change_contact.update_tag"},
	{kind: "subscribe"}, {kind: "unsubscribe"}, {kind: "enter_agent"}, {kind: "click"}, {kind: "view"},
	{kind: "LOCATION"}, {kind: "location_select"}, {kind: "batch_job_result"},
	{kind: "close_inactive_agent"}, {kind: "reopen_inactive_agent"},
	{kind: "text"}, {kind: "image"}, {kind: "voice"}, {kind: "video"}, {kind: "location"}, {kind: "link"}, {kind: "miniprogrampage"},
	{kind: "user_enter_tempsession"},
}

var routes = func() map[string]*route {
	m := make(map[string]*route, len(routeTable))
	for i := range routeTable {
		m[routeTable[i].kind] = &routeTable[i]
	}
	return m
}()

func aboutCustomer(m *Message) string { return "customer:" + m.Get("ExternalUserID") }
func aboutGroup(m *Message) string    { return "group:" + m.Get("ChatId") }
func aboutKf(m *Message) string       { return "kf:" + m.Get("OpenKfId") }
func aboutUser(m *Message) string     { return "user:" + m.Get("FromUserName") }
func aboutTags(*Message) string       { return "tags" }
func aboutStaff(m *Message) string    { return "staff:" + strings.ToLower(m.Get("UserID")) }
func aboutVisitor(m *Message) string  { return "visitor:" + m.Get("OpenID") }
func aboutTrace(m *Message) string    { return "trace:" + m.Get("trace_id") }
func aboutDepartments(*Message) string {
	return "departments"
}

// maxOrderKey is what the column of works holds.
const maxOrderKey = 128

// orderKey is unique per account and thing. An overlong name, which the platform never sends, is
// replaced by its hash.
func orderKey(accountID int64, about string) string {
	key := fmt.Sprintf("intake:%d:%s", accountID, about)
	if len(key) > maxOrderKey || strings.ContainsFunc(key, isOddInKey) {
		sum := sha256.Sum256([]byte(about))
		return fmt.Sprintf("intake:%d:%s", accountID, hex.EncodeToString(sum[:]))
	}
	return key
}

func isOddInKey(c rune) bool { return c <= ' ' || c > '~' }
