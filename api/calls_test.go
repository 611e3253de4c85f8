package api

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"maps"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// call is one valid use of a route in a fresh company, by the administrator.
type call struct {
	kind  model.Kind // of the id in the path
	row   int64
	query string
	body  func(c *company) map[string]any
	want  int // for the administrator; 0: 200
	// hidden is the id of the same kind that sales may not see.
	hidden int64
	name   string // in the path; empty: of a periodic job
}

func with(m map[string]any) func(*company) map[string]any {
	return func(*company) map[string]any { return m }
}

// tagRuleOf is a valid rule, and what is given.
func tagRuleOf(more map[string]any) func(*company) map[string]any {
	return func(c *company) map[string]any {
		body := map[string]any{
			"name": "看得多", "tag_ids": []string{c.ids.Of(model.KindTag, localTag)}, "expire_days": 30, "enabled": true,
			"condition":  map[string]any{"field": "tag", "op": "any", "values": []string{c.ids.Of(model.KindTag, tagA)}},
			"occurrence": map[string]any{"kinds": []string{"product_view"}, "keywords": []string{"帐篷"}},
		}
		for k, v := range more {
			body[k] = v
		}
		return body
	}
}

// journeyOf is a valid journey, and what is given.
func journeyOf(more map[string]any) func(*company) map[string]any {
	body := map[string]any{"name": "新客", "definition": json.RawMessage(simpleJourney)}
	for k, v := range more {
		body[k] = v
	}
	return with(body)
}

// calls has a line for every route that staff call; a route without one fails the build.
var calls = map[string]call{
	"POST /api/sidebar/sign-in/begin": {body: with(map[string]any{"account": "acme", "page": "customer"})},
	"POST /api/sidebar/sign-in":       {body: with(map[string]any{"code": "sales", "state": "nostate"}), want: 403},
	"GET /api/sidebar/doctor":         {query: "account=acme&customer={customer}"},
	"POST /api/sidebar/sign-out":      {want: 204},
	"GET /api/sidebar/me":             {},
	// The administrator of the company is no member of a corp.
	"POST /api/sidebar/signatures":            {body: with(map[string]any{"url": sidebarPage}), want: 404},
	"GET /api/sidebar/customers/{id}":         {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"GET /api/sidebar/customers/{id}/events":  {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"GET /api/sidebar/customers/{id}/tags":    {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"POST /api/sidebar/customers/tags":        {body: giveTags},
	"GET /api/sidebar/customers/{id}/profile": {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"PUT /api/sidebar/customers/{id}/profile": {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, want: 204, body: with(map[string]any{"city": "杭州"})},
	"POST /api/sidebar/customers/{id}/reveal": {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, body: with(map[string]any{"what": "phone", "purpose": "预约回访"})},
	"GET /api/sidebar/customers/{id}/notes":   {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"POST /api/sidebar/customers/{id}/notes":  {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, body: with(map[string]any{"body": "喜欢茶"})},
	"PUT /api/sidebar/notes/{id}":             {kind: model.KindNote, row: ownNote, hidden: careNote, want: 204, body: with(map[string]any{"body": "喜欢咖啡"})},
	"DELETE /api/sidebar/notes/{id}":          {kind: model.KindNote, row: second, hidden: careNote, want: 204},
	"PUT /api/sidebar/relations/{id}/note":    {kind: model.KindRelation, row: ownRelation, hidden: careRelation, want: 204, body: with(map[string]any{"remark": "老客户"})},
	"GET /api/sidebar/tag-groups":             {},
	"GET /api/sidebar/custom-fields":          {},
	"GET /api/sidebar/orders/{id}":            {kind: model.KindOrder, row: ownOrder, hidden: careOrder},
	"GET /api/sidebar/tasks":                  {query: "customer_id={customer}"},
	"POST /api/sidebar/reminders": {body: func(c *company) map[string]any {
		return map[string]any{"customer_id": c.ids.Of(model.KindCustomer, ownCustomer), "title": "回电", "due_at": noon.Add(time.Hour), "request_id": "request-1"}
	}},
	"PUT /api/sidebar/tasks/{id}/status":       {kind: model.KindTask, row: second, hidden: careTask, want: 204, body: with(map[string]any{"status": "done"})},
	"GET /api/sidebar/tasks/{id}/content":      {kind: model.KindTask, row: ownTask, hidden: careTask},
	"GET /api/sidebar/customers/{id}/messages": {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"GET /api/sidebar/customers/{id}/reach":    {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, query: "channel=task&source=sidebar"},
	"GET /api/sidebar/sendable-messages":       {},
	// They are no member of a corp, in whose name a message could go out.
	"POST /api/sidebar/customers/{id}/sends": {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, want: 409, body: func(c *company) map[string]any {
		return map[string]any{"message_id": c.ids.Of(model.KindMessage, messageID), "request_id": "request-9"}
	}},
	"GET /api/sidebar/sends/{id}":     {kind: model.KindDelivery, row: byHandID, hidden: doubtID},
	"PUT /api/sidebar/tasks/{id}/due": {kind: model.KindTask, row: second + 1, hidden: careTask, want: 204, body: with(map[string]any{"due_at": noon.Add(time.Hour)})},

	"POST /sign-in":            {body: with(map[string]any{"login": "nobody", "password": "wrong"}), want: 401},
	"POST /sign-out":           {want: 204},
	"GET /me":                  {},
	"PUT /me/password":         {body: with(map[string]any{"current": "not this", "new": "another long password"}), want: 404}, // has no login
	"GET /me/sessions":         {},
	"DELETE /me/sessions/{id}": {kind: model.KindSession, row: 1 << 40, want: 404},
	"GET /accounts":            {},
	"POST /accounts":           {body: with(newAccount)},
	"PUT /accounts/{id}":       {kind: model.KindAccount, row: acme, body: with(map[string]any{"title": "甲"})},
	"PUT /accounts/{id}/callback-keys": {kind: model.KindAccount, row: acme, want: 204, body: with(map[string]any{
		"callback_token": "abc", "callback_aes_key": callbackAESKey, "old_valid_hours": 1,
	})},
	"GET /accounts/{id}/welcome-statistics": {kind: model.KindAccount, row: acme, query: "from=2026-11-01&to=2026-11-22"},

	"GET /staff-activity":             {query: "from=2026-11-01&to=2026-11-22"},
	"GET /staff":                      {},
	"POST /staff":                     {body: with(map[string]any{"login": "new.person", "name": "新人", "password": "a long enough phrase", "roles": []string{"sales"}})},
	"PUT /staff/{id}/roles":           {kind: model.KindStaff, row: targetID, body: with(map[string]any{"roles": []string{"auditor"}})},
	"PUT /staff/{id}/login":           {kind: model.KindStaff, row: targetID, want: 204, body: with(map[string]any{"login": "target", "password": "a long enough phrase"})},
	"PUT /staff/{id}/enabled":         {kind: model.KindStaff, row: targetID, want: 204, body: with(map[string]any{"enabled": false})},
	"GET /roles":                      {},
	"GET /role-requests":              {},
	"POST /role-requests/{id}/decide": {kind: model.KindRoleRequest, row: roleRequestID, body: with(map[string]any{"approve": true})},
	"GET /departments":                {query: "account_id={acme}"},
	"GET /tasks":                      {query: "customer_id={customer}"},
	"PUT /tasks/{id}/status":          {kind: model.KindTask, row: ownTask, hidden: careTask, want: 204, body: with(map[string]any{"status": "done"})},

	"GET /customers":                 {},
	"GET /customers/{id}":            {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"GET /customers/{id}/events":     {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"GET /customers/{id}/deliveries": {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"GET /channels":                  {},
	"GET /deliveries":                {query: "source=task&state=in_doubt"},
	"GET /deliveries/progress":       {query: "source=task&source_id={careTask}"},
	"GET /deliveries/{id}":           {kind: model.KindDelivery, row: doubtID},
	"POST /deliveries/{id}/decide":   {kind: model.KindDelivery, row: doubtID, want: 204, body: with(map[string]any{"sent": true})},
	"POST /deliveries/retry": {body: func(c *company) map[string]any {
		return map[string]any{"source": "task", "source_id": c.ids.Of(model.KindTask, ownTask)}
	}},
	"GET /delivery-pauses":           {},
	"GET /sender-tasks":              {query: "account_id={acme}"},
	"POST /sender-tasks/{id}/remind": {kind: model.KindSenderTask, row: senderTaskID, want: 204},
	"POST /sender-tasks/{id}/cancel": {kind: model.KindSenderTask, row: second, want: 204},
	"GET /mass-quota":                {query: "account_id={acme}"},
	"GET /mass-rules":                {query: "account_id={acme}"},
	"PUT /mass-rules": {query: "account_id={acme}", want: 204, body: with(map[string]any{
		"rule": "month", "confirm_hours": 24, "remind_hours": 4, "reminders": 2, "reroute": true, "fallback": "inbox",
	})},
	"GET /sms-gateway":               {},
	"PUT /sms-gateway":               {want: 204, body: with(smsGateway())},
	"GET /mail-server":               {},
	"PUT /mail-server":               {want: 204, body: with(mailServer())},
	"GET /subscribe-templates":       {query: "account_id={acme}"},
	"POST /subscribe-templates/sync": {query: "account_id={acme}", want: 404}, // not a mini-program
	"DELETE /delivery-pauses/{id}":   {kind: model.KindDeliveryPause, row: pauseID, want: 204},
	"POST /customers/search":         {body: with(map[string]any{"phone": "138 0013 8000"})},

	"GET /merges": {},
	"POST /merges": {body: func(c *company) map[string]any {
		return map[string]any{"customer_id": c.ids.Of(model.KindCustomer, twinA), "other_id": c.ids.Of(model.KindCustomer, twinB)}
	}},
	"POST /merges/{id}/undo":           {kind: model.KindMerge, row: mergeID, want: 204},
	"GET /merge-reviews":               {},
	"POST /merge-reviews/{id}/confirm": {kind: model.KindMergeReview, row: reviewID, body: with(map[string]any{})},
	"POST /merge-reviews/{id}/reject":  {kind: model.KindMergeReview, row: second, want: 204},

	"PUT /relations/{id}/note": {kind: model.KindRelation, row: ownRelation, hidden: careRelation, want: 204, body: with(map[string]any{"remark": "老客户"})},
	"POST /relations/tags": {want: 204, body: func(c *company) map[string]any {
		return map[string]any{"relation_ids": []string{c.ids.Of(model.KindRelation, ownRelation)}, "add": []string{c.ids.Of(model.KindTag, tagB)}}
	}},

	"GET /event-kinds": {},
	"POST /event-kinds": {body: with(map[string]any{"name": "course_signup", "zh": "报名课程", "en": "Signed up", "properties": []any{
		map[string]any{"name": "course", "zh": "课程", "en": "Course", "type": "text"},
	}})},
	"PUT /event-kinds/{name}":          {name: "course_trial", body: with(map[string]any{"version": 1, "zh": "试听", "en": "Trial", "properties": []any{}})},
	"GET /event-days":                  {query: "kind=page.viewed&from=2026-11-01&to=2026-11-22"},
	"POST /event-days/rebuild":         {want: 204, body: with(map[string]any{"from": "2026-11-01", "to": "2026-11-22"})},
	"GET /events-aside":                {},
	"GET /events-aside/names":          {},
	"POST /events-aside/replay":        {want: 204, body: with(map[string]any{"name": "course_trial"})},
	"GET /event-feeds":                 {},
	"POST /event-feeds/{name}/release": {name: "test", want: 204},
	"GET /customers/{id}/tags":         {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"POST /customers/tags":             {body: giveTags},
	"GET /reveals":                     {query: "from=2026-11-01T00:00:00Z"},
	"GET /reveal-days":                 {query: "from=2026-11-01&to=2026-11-30"},
	"GET /tag-groups/{id}/mirrors":     {kind: model.KindTagGroup, row: localGroup},
	"PUT /tag-groups/{id}/mirror":      {kind: model.KindTagGroup, row: localGroup, want: 204, body: ofAcme(map[string]any{"wanted": true})},
	"PUT /tags/{id}/mirror":            {kind: model.KindTag, row: localTag, want: 204, body: ofAcme(map[string]any{"wanted": true})},
	"GET /import-kinds":                {},
	"GET /imports":                     {},
	"POST /imports":                    {}, // a form: see requestOf
	"GET /imports/{id}":                {kind: model.KindImport, row: importID},
	"POST /imports/{id}/preview":       {kind: model.KindImport, row: importID, body: with(map[string]any{"mapping": []string{"name", "phone"}})},
	"POST /imports/{id}/start":         {kind: model.KindImport, row: importID, body: with(map[string]any{"consent_basis": "会员协议", "dry": true})},
	"POST /imports/{id}/cancel":        {kind: model.KindImport, row: importOn},
	"GET /imports/{id}/problems":       {kind: model.KindImport, row: importID},
	"GET /imports/{id}/problems/file":  {kind: model.KindImport, row: importID},
	"GET /export-kinds":                {},
	"GET /exports":                     {},
	"POST /exports":                    {body: with(map[string]any{"kind": "customers", "purpose": "回访", "format": "csv"})},
	"GET /exports/{id}":                {kind: model.KindExport, row: exportID},
	"POST /exports/{id}/cancel":        {kind: model.KindExport, row: exportOn},
	"POST /exports/{id}/approve":       {kind: model.KindExport, row: exportWaits, body: with(map[string]any{"approve": true})},
	"GET /exports/{id}/content":        {kind: model.KindExport, row: exportID},
	"GET /tag-batches":                 {},
	"POST /tag-batches": {body: func(c *company) map[string]any {
		return map[string]any{"action": "add", "tag_ids": []string{c.ids.Of(model.KindTag, localTag)}, "filter": map[string]any{"name": "王"}}
	}},
	"GET /tag-batches/{id}":          {kind: model.KindTagBatch, row: batchID},
	"POST /tag-batches/{id}/cancel":  {kind: model.KindTagBatch, row: batchID, want: 204},
	"GET /journeys":                  {},
	"POST /journeys":                 {body: journeyOf(nil)},
	"POST /journeys/validate":        {body: with(map[string]any{"definition": json.RawMessage(simpleJourney)})},
	"GET /journeys/vocabulary":       {},
	"GET /journeys/templates":        {},
	"GET /journeys/{id}":             {kind: model.KindJourney, row: journeyID},
	"PUT /journeys/{id}":             {kind: model.KindJourney, row: journeyID, body: journeyOf(map[string]any{"draft_version": 1})},
	"DELETE /journeys/{id}":          {kind: model.KindJourney, row: stoppedJourney, want: 204},
	"POST /journeys/{id}/activate":   {kind: model.KindJourney, row: journeyID, body: with(map[string]any{"draft_version": 1})},
	"PUT /journeys/{id}/state":       {kind: model.KindJourney, row: journeyID, body: with(map[string]any{"state": "paused"})},
	"GET /journeys/{id}/versions":    {kind: model.KindJourney, row: journeyID},
	"GET /journeys/{id}/diff":        {kind: model.KindJourney, row: journeyID, query: "from=1&to=0"},
	"POST /journeys/{id}/migrate":    {kind: model.KindJourney, row: journeyID, want: 204, body: with(map[string]any{"from": 1, "to": 2, "nodes": map[string]any{"pause": "end"}})},
	"GET /journeys/{id}/enrolments":  {kind: model.KindJourney, row: journeyID},
	"GET /journeys/{id}/funnel":      {kind: model.KindJourney, row: journeyID},
	"GET /journeys/{id}/rehearsals":  {kind: model.KindJourney, row: journeyID},
	"POST /journeys/{id}/rehearsals": {kind: model.KindJourney, row: journeyID, body: with(map[string]any{"from": "2026-11-22T04:00:00Z", "days": 30})},
	"POST /journeys/{id}/step-through": {kind: model.KindJourney, row: journeyID, body: func(c *company) map[string]any {
		return map[string]any{"from": "2026-11-22T04:00:00Z", "days": 30, "customer_id": c.ids.Of(model.KindCustomer, ownCustomer), "definition": json.RawMessage(simpleJourney)}
	}},
	"GET /rehearsals/{id}":                  {kind: model.KindRehearsal, row: rehearsalID},
	"GET /rehearsals/{id}/progress":         {kind: model.KindRehearsal, row: second},
	"POST /rehearsals/{id}/cancel":          {kind: model.KindRehearsal, row: rehearsalID, want: 204},
	"GET /enrolments/{id}":                  {kind: model.KindEnrolment, row: enrolmentID},
	"POST /enrolments/{id}/decide":          {kind: model.KindEnrolment, row: enrolmentID, want: 204, body: with(map[string]any{"action": "skip"})},
	"GET /customers/{id}/enrolments":        {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"GET /tag-rules":                        {},
	"POST /tag-rules":                       {body: tagRuleOf(nil)},
	"POST /tag-rules/preview":               {body: tagRuleOf(nil)},
	"GET /tag-rules/{id}":                   {kind: model.KindTagRule, row: ruleID},
	"PUT /tag-rules/{id}":                   {kind: model.KindTagRule, row: ruleID, body: tagRuleOf(map[string]any{"version": 1})},
	"PUT /tag-rules/{id}/enabled":           {kind: model.KindTagRule, row: ruleID, want: 204, body: with(map[string]any{"enabled": true})},
	"DELETE /tag-rules/{id}":                {kind: model.KindTagRule, row: ruleID, want: 204, query: "take_back=true"},
	"GET /tag-rules/{id}/history":           {kind: model.KindTagRule, row: ruleID},
	"GET /customers/{id}/profile":           {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"PUT /customers/{id}/profile":           {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, want: 204, body: with(map[string]any{"city": "杭州", "fields": map[string]any{"hobby": []string{"茶"}}})},
	"PUT /customers/{id}/contact":           {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, want: 204, body: with(map[string]any{"choice": "none", "reason": "电话里说的"})},
	"POST /customers/{id}/reveal":           {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, body: with(map[string]any{"what": "phone", "purpose": "预约回访"})},
	"GET /customers/{id}/notes":             {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"POST /customers/{id}/notes":            {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, body: with(map[string]any{"body": "喜欢茶"})},
	"PUT /notes/{id}":                       {kind: model.KindNote, row: ownNote, hidden: careNote, want: 204, body: with(map[string]any{"body": "喜欢咖啡"})},
	"DELETE /notes/{id}":                    {kind: model.KindNote, row: ownNote, hidden: careNote, want: 204},
	"GET /customers/{id}/consents":          {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"POST /customers/{id}/consents":         {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, want: 204, body: with(map[string]any{"purpose": "marketing", "given": false})},
	"POST /customers/{id}/privacy-requests": {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, body: with(map[string]any{"kind": "export"})},
	"GET /custom-fields":                    {},
	"POST /custom-fields":                   {body: with(map[string]any{"name": "level", "title": "等级", "kind": "choice", "choices": []string{"A", "B"}})},
	"PUT /custom-fields/{id}":               {kind: model.KindCustomField, row: fieldID, body: with(map[string]any{"title": "爱好"})},
	"DELETE /custom-fields/{id}":            {kind: model.KindCustomField, row: fieldID, want: 204},
	"GET /quality":                          {},
	"GET /quality/findings":                 {},
	"GET /notices":                          {},
	"POST /notices":                         {body: with(map[string]any{"purpose": "profile", "version": 2, "title": "告知", "body": "第二版"})},
	"GET /privacy-requests":                 {},

	"GET /messages":                      {},
	"POST /messages":                     {body: with(messageDraft)},
	"POST /messages/check":               {body: with(messageDraft)},
	"POST /messages/preview":             {body: with(messageDraft)},
	"GET /messages/{id}":                 {kind: model.KindMessage, row: messageID},
	"DELETE /messages/{id}":              {kind: model.KindMessage, row: messageID, want: 204},
	"GET /messages/{id}/versions":        {kind: model.KindMessage, row: messageID},
	"PUT /messages/{id}":                 {kind: model.KindMessage, row: messageID, body: func(*company) map[string]any { d := maps.Clone(messageDraft); d["version"] = 1; return d }},
	"GET /message-variables":             {},
	"GET /message-policy":                {},
	"PUT /message-policy":                {body: with(map[string]any{"revision": 0, "absolute": []string{"最好"}, "words": []string{}, "except": []string{}, "hosts": []string{"example.com"}})},
	"GET /governor":                      {},
	"PUT /governor":                      {body: governorSetting},
	"GET /governor/revisions":            {},
	"GET /governor/refusals":             {},
	"GET /customers/{id}/reach":          {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, query: "channel=sms"},
	"POST /message-versions/{id}/accept": {kind: model.KindMessageVersion, row: messageID, want: 204},
	// The administrator of the company is no member of a corp.
	"POST /message-versions/{id}/test": {kind: model.KindMessageVersion, row: messageID, want: 409},

	"GET /tag-groups":            {},
	"POST /tag-groups":           {body: ofAcme(map[string]any{"name": "新组", "tags": []string{"一"}})},
	"PUT /tag-groups/{id}":       {kind: model.KindTagGroup, row: tagGroup, want: 204, body: with(map[string]any{"name": "级别"})},
	"DELETE /tag-groups/{id}":    {kind: model.KindTagGroup, row: tagGroup, want: 204},
	"POST /tag-groups/{id}/tags": {kind: model.KindTagGroup, row: tagGroup, body: with(map[string]any{"name": "新标签"})},
	"PUT /tags/{id}":             {kind: model.KindTag, row: tagB, want: 204, body: with(map[string]any{"name": "一般"})},
	"DELETE /tags/{id}":          {kind: model.KindTag, row: tagB, want: 204},

	"GET /segment-fields":        {},
	"GET /segments":              {},
	"POST /segments":             {body: ofRule(map[string]any{"name": "新人群"})},
	"POST /segments/estimate":    {body: ofRule(map[string]any{"session": "tab1"})},
	"GET /segments/{id}":         {kind: model.KindSegment, row: segmentID},
	"PUT /segments/{id}":         {kind: model.KindSegment, row: segmentID, body: ofRule(map[string]any{"name": "改名", "version": 1})},
	"DELETE /segments/{id}":      {kind: model.KindSegment, row: segmentID, want: 204},
	"POST /segments/{id}/diff":   {kind: model.KindSegment, row: segmentID, body: ofRule(map[string]any{})},
	"POST /segments/{id}/freeze": {kind: model.KindSegment, row: segmentID + 100, body: with(map[string]any{"name": "快照"})},
	"PUT /segments/{id}/list": {kind: model.KindSegment, row: listID, body: func(c *company) map[string]any {
		return map[string]any{"customer_ids": []string{c.ids.Of(model.KindCustomer, ownCustomer)}}
	}},
	"GET /segments/{id}/members":        {kind: model.KindSegment, row: segmentID},
	"GET /segments/{id}/explanation":    {kind: model.KindSegment, row: segmentID, query: "customer_id={customer}"},
	"GET /segments/{id}/versions":       {kind: model.KindSegment, row: segmentID},
	"GET /segments/{id}/sizes":          {kind: model.KindSegment, row: segmentID, query: "from=2026-11-01&to=2026-11-22"},
	"GET /segments/{id}/builds":         {kind: model.KindSegment, row: segmentID},
	"POST /segments/{id}/builds":        {kind: model.KindSegment, row: segmentID},
	"POST /segments/{id}/builds/cancel": {kind: model.KindSegment, row: segmentID, want: 204},

	"GET /channel-codes":                 {},
	"POST /channel-codes":                {body: func(c *company) map[string]any { return ofAcme(codeSettings(c))(c) }},
	"GET /channel-codes/{id}":            {kind: model.KindChannelCode, row: codeID},
	"PUT /channel-codes/{id}":            {kind: model.KindChannelCode, row: codeID, body: codeSettings},
	"PUT /channel-codes/{id}/enabled":    {kind: model.KindChannelCode, row: codeID, want: 204, body: with(map[string]any{"enabled": false})},
	"DELETE /channel-codes/{id}":         {kind: model.KindChannelCode, row: codeID, want: 204},
	"POST /channel-codes/{id}/push":      {kind: model.KindChannelCode, row: codeID, want: 204},
	"GET /channel-codes/{id}/statistics": {kind: model.KindChannelCode, row: codeID, query: "from=2026-11-01&to=2026-11-22"},

	"GET /welcomes":           {query: "account_id={acme}"},
	"PUT /welcomes":           {body: ofAcme(map[string]any{"scope": "default", "text": "您好", "enabled": true})},
	"DELETE /welcomes/{id}":   {kind: model.KindWelcome, row: welcomeID, want: 204},
	"GET /media":              {query: "account_id={acme}"},
	"POST /media":             {}, // a form: see requestOf
	"GET /media/{id}/content": {kind: model.KindMedia, row: mediaID},
	"DELETE /media/{id}":      {kind: model.KindMedia, row: mediaID, want: 204},

	"GET /groups":              {},
	"GET /groups/{id}":         {kind: model.KindGroup, row: ownGroup, hidden: careGroup},
	"GET /groups/{id}/history": {kind: model.KindGroup, row: ownGroup, hidden: careGroup},

	"GET /customers/{id}/lifecycle":    {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"GET /lifecycle":                   {},
	"GET /lifecycle/flow":              {query: "from=2026-11-01&to=2026-11-22"},
	"GET /lifecycle/curve":             {query: "from=2026-11-01&to=2026-11-22"},
	"GET /lifecycle/rfm":               {},
	"GET /lifecycle/model":             {},
	"GET /lifecycle/setting":           {},
	"PUT /lifecycle/setting":           {body: lifecycleSetting},
	"POST /lifecycle/setting/preview":  {body: lifecycleSetting},
	"GET /lifecycle/runs":              {},
	"POST /lifecycle/runs":             {},
	"GET /lifecycle/runs/{id}":         {kind: model.KindLifecycleRun, row: runID},
	"POST /lifecycle/runs/{id}/cancel": {kind: model.KindLifecycleRun, row: second, want: 204},
	"GET /sync-runs":                   {},
	"GET /products":                    {query: "name_prefix=苹&status=on_sale"},
	"GET /product-categories":          {},
	"GET /orders":                      {query: "placed_from=2026-11-01T00:00:00Z&customer_id={customer}"},
	"GET /orders/{id}":                 {kind: model.KindOrder, row: ownOrder, hidden: careOrder},
	"GET /refunds":                     {query: "order_number=N1"},

	"GET /api-keys":              {},
	"GET /api-key-permissions":   {},
	"POST /api-keys":             {body: with(map[string]any{"name": "网店", "permissions": []string{"order.write"}, "networks": []string{"203.0.113.0/24"}})},
	"PUT /api-keys/{id}":         {kind: model.KindAPIKey, row: keyID, body: with(map[string]any{"per_minute": 60})},
	"POST /api-keys/{id}/rotate": {kind: model.KindAPIKey, row: keyID, body: with(map[string]any{"old_valid_hours": 1})},
	"DELETE /api-keys/{id}":      {kind: model.KindAPIKey, row: keyID, want: 204},

	"GET /webhooks":                           {},
	"GET /webhook-kinds":                      {},
	"POST /webhooks":                          {body: with(map[string]any{"name": "网店", "url": "https://example.com/hook", "kinds": []string{"order.paid"}})},
	"PUT /webhooks/{id}":                      {kind: model.KindWebhook, row: hookID, body: with(map[string]any{"kinds": []string{"order.placed"}})},
	"POST /webhooks/{id}/rotate":              {kind: model.KindWebhook, row: hookID, body: with(map[string]any{"old_valid_hours": 0})},
	"POST /webhooks/{id}/test":                {kind: model.KindWebhook, row: hookID},
	"GET /webhooks/{id}/deliveries":           {kind: model.KindWebhook, row: hookID, query: "state=failed"},
	"DELETE /webhooks/{id}":                   {kind: model.KindWebhook, row: hookID, want: 204},
	"GET /webhook-deliveries/{id}":            {kind: model.KindWebhookDelivery, row: sentID},
	"POST /webhook-deliveries/{id}/redeliver": {kind: model.KindWebhookDelivery, row: sentID, want: 204},

	"POST /sync-runs": {body: func(c *company) map[string]any {
		return map[string]any{"account_id": c.ids.Of(model.KindAccount, rival)}
	}},
	"GET /sync-runs/{id}":                {kind: model.KindSyncRun, row: runID},
	"POST /sync-runs/{id}/cancel":        {kind: model.KindSyncRun, row: runID, want: 204},
	"GET /inbox":                         {},
	"GET /inbox/{id}":                    {kind: model.KindInbox, row: inboxID},
	"POST /inbox/{id}/replay":            {kind: model.KindInbox, row: inboxID, want: 204},
	"POST /inbox/replay":                 {body: with(map[string]any{"state": "unknown"})},
	"GET /work":                          {},
	"GET /work/stats":                    {},
	"POST /work/{id}/replay":             {kind: model.KindWork, row: workID, want: 204},
	"POST /work/{id}/cancel":             {kind: model.KindWork, row: liveWorkID, want: 204},
	"GET /customers/{id}/points":         {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"GET /customers/{id}/points/entries": {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"POST /customers/{id}/points/corrections": {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer, body: with(map[string]any{
		"points": 20, "reason": "补偿", "request_id": "request-1",
	})},
	"GET /api/sidebar/customers/{id}/points":         {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"GET /api/sidebar/customers/{id}/points/entries": {kind: model.KindCustomer, row: ownCustomer, hidden: careCustomer},
	"GET /points-rules":                              {},
	"POST /points-rules":                             {body: with(pointsRuleBody)},
	"PUT /points-rules/{id}":                         {kind: model.KindPointsRule, row: pointsRuleID, body: with(map[string]any{"version": 1, "rule": pointsRuleBody})},
	"GET /points-report":                             {query: "from=2026-11-01&to=2026-11-30"},
	"GET /points-books":                              {},
	"GET /club-setting":                              {},
	"PUT /club-setting": {want: 204, body: with(map[string]any{
		"version": 0, "check_in": []int{1, 2}, "check_in_valid_days": 30, "tier_window_days": 365, "tier_keep_days": 365, "tier_grace_days": 7,
		"tiers": []any{map[string]any{"name": "银卡", "threshold_fen": 10000, "multiplier_bp": 12000, "benefits": []string{"生日礼"}}},
	})},
	"GET /draws":                       {},
	"POST /draws":                      {body: with(drawBody)},
	"GET /draws/{id}":                  {kind: model.KindDraw, row: endedDraw},
	"PUT /draws/{id}":                  {kind: model.KindDraw, row: drawID, body: with(map[string]any{"version": 1, "definition": drawBody})},
	"PUT /draws/{id}/state":            {kind: model.KindDraw, row: startedDraw, want: 204, body: with(map[string]any{"state": "active"})},
	"GET /draws/{id}/tries":            {kind: model.KindDraw, row: endedDraw, query: "state=to_hand_over"},
	"GET /draws/{id}/report":           {kind: model.KindDraw, row: endedDraw},
	"GET /draws/{id}/check":            {kind: model.KindDraw, row: endedDraw},
	"PUT /draw-tries/{id}/handed-over": {kind: model.KindDrawTry, row: drawTryID, want: 204, body: with(map[string]any{"note": "门店"})},
	"GET /referrals":                   {},
	"POST /referrals":                  {body: with(referralBody)},
	"GET /referrals/{id}":              {kind: model.KindReferral, row: openReferral},
	"PUT /referrals/{id}":              {kind: model.KindReferral, row: referralID, body: with(map[string]any{"version": 1, "definition": referralBody})},
	"PUT /referrals/{id}/state":        {kind: model.KindReferral, row: startedReferral, want: 204, body: with(map[string]any{"state": "active", "acknowledged": true})},
	"GET /referrals/{id}/edges":        {kind: model.KindReferral, row: openReferral, query: "state=review&min_score=10"},
	"GET /referrals/{id}/rewards":      {kind: model.KindReferral, row: openReferral, query: "state=to_hand_over"},
	"GET /referrals/{id}/report":       {kind: model.KindReferral, row: openReferral},
	"GET /content-checks":              {query: "state=review"},
	"PUT /content-checks/{id}/decision": {kind: model.KindContentCheck, row: contentCheckID, want: 204, body: func(c *company) map[string]any {
		return map[string]any{"version": hex.EncodeToString(contentHash("name", "王小明")), "pass": true, "note": "没问题"}
	}},
	"GET /referral-signals":                  {},
	"PUT /referral-edges/{id}/decision":      {kind: model.KindReferralEdge, row: referralEdgeID, want: 204, body: with(map[string]any{"counts": true, "note": "认识"})},
	"PUT /referral-rewards/{id}/handed-over": {kind: model.KindReferralReward, row: referralRewardID, want: 204, body: with(map[string]any{"note": "门店"})},
	"GET /rewards":                           {},
	"POST /rewards":                          {body: with(rewardBody)},
	"PUT /rewards/{id}":                      {kind: model.KindReward, row: giftID, body: with(map[string]any{"version": 1, "reward": rewardBody})},
	"GET /redemptions":                       {query: "state=to_hand_over"},
	"PUT /redemptions/{id}/state":            {kind: model.KindRedemption, row: redemptionID, want: 204, body: with(map[string]any{"state": "handed_over", "note": "门店自取"})},

	"GET /campaigns":                            {},
	"POST /campaigns":                           {body: campaignBody},
	"POST /campaigns/estimate":                  {body: campaignBody},
	"GET /campaigns/{id}":                       {kind: model.KindCampaign, row: campaignID},
	"PUT /campaigns/{id}":                       {kind: model.KindCampaign, row: campaignID, body: func(c *company) map[string]any { return map[string]any{"version": 1, "definition": campaignBody(c)} }},
	"DELETE /campaigns/{id}":                    {kind: model.KindCampaign, row: campaignID, want: 204},
	"POST /campaigns/{id}/copy":                 {kind: model.KindCampaign, row: campaignID, body: with(map[string]any{"name": "副本"})},
	"POST /campaigns/{id}/launch":               {kind: model.KindCampaign, row: campaignID},
	"POST /campaigns/{id}/approve":              {kind: model.KindCampaign, row: askedID, body: with(map[string]any{"version": 1})},
	"POST /campaigns/{id}/reject":               {kind: model.KindCampaign, row: rejectedID, body: with(map[string]any{"reason": "文案不妥"})},
	"POST /campaigns/{id}/pause":                {kind: model.KindCampaign, row: runningID, body: with(map[string]any{"reason": "缺货"})},
	"POST /campaigns/{id}/resume":               {kind: model.KindCampaign, row: pausedID},
	"POST /campaigns/{id}/reschedule":           {kind: model.KindCampaign, row: waitingID, body: with(map[string]any{"at": noon.AddDate(0, 0, 2)})},
	"POST /campaigns/{id}/stop":                 {kind: model.KindCampaign, row: stoppedID, body: with(map[string]any{"reason": "取消"})},
	"GET /campaigns/{id}/runs":                  {kind: model.KindCampaign, row: runningID},
	"GET /campaigns/{id}/runs/{run_id}/members": {kind: model.KindCampaign, row: runningID, query: "outcome=none"},
	"GET /campaigns/{id}/runs/{run_id}/report":  {kind: model.KindCampaign, row: runningID},
	"GET /campaigns/{id}/links":                 {kind: model.KindCampaign, row: runningID},
	"POST /campaigns/{id}/links":                {kind: model.KindCampaign, row: runningID, body: with(map[string]any{"kind": "web", "target": "https://shop.example.com/sale"})},
	"DELETE /links/{id}":                        {kind: model.KindShortLink, row: linkID, want: 204},
	"GET /cron-jobs":                            {},
	"POST /cron-jobs/{name}/run":                {},
	"PUT /cron-jobs/{name}/paused":              {body: with(map[string]any{"paused": true}), want: 204},
	"GET /cron-runs":                            {},
}

var (
	pointsRuleBody = map[string]any{"name": "消费", "event_kind": "order.paid", "per_fen": 100, "valid_days": 365, "enabled": true,
		"where": []any{map[string]any{"property": "shop", "op": "is", "value": "杭州一店"}}}
	drawBody = map[string]any{
		"name": "大转盘", "style": "wheel", "from": noon, "until": noon.AddDate(0, 0, 7), "per_day": 3,
		"prizes": []any{map[string]any{"name": "手机", "kind": "gift", "odds": 1000, "stock": 1}},
	}
	referralBody = map[string]any{
		"name": "老带新", "from": noon, "until": noon.AddDate(0, 0, 7), "ask": "relation", "cool_off_days": 7, "link": "https://shop.example.com/i/{code}", "budget": map[string]any{"points": 1000},
		"steps": []any{map[string]any{"friends": 3, "kind": "points", "name": "30 积分", "points": 30}},
	}
	rewardBody = map[string]any{"name": "杯子", "kind": "gift", "price": 100, "stock": 5, "enabled": true}
)

func campaignBody(c *company) map[string]any {
	return map[string]any{
		"name": "双十一", "channel": "postbox", "account_id": c.ids.Of(model.KindAccount, acme),
		"audience": map[string]any{"customer_ids": []string{c.ids.Of(model.KindCustomer, ownCustomer)}},
		"variants": []any{map[string]any{"name": "A", "share_bp": 10000, "message_id": c.ids.Of(model.KindMessageVersion, pushedID), "batch_id": c.ids.Of(model.KindCouponBatch, couponBatchID)}},
		"goal":     map[string]any{"kind": "order.paid", "hours": 48},
	}
}

var newAccount = map[string]any{
	"kind": "wecom", "name": "third", "title": "丙公司", "platform_id": "ww0000000000000003", "agent_id": 1, "secret": "0123456789abcdef0123",
}

func giveTags(c *company) map[string]any {
	return map[string]any{"customer_ids": []string{c.ids.Of(model.KindCustomer, ownCustomer)}, "add": []string{c.ids.Of(model.KindTag, localTag)}}
}

// ofRule adds a rule to a body.
func ofRule(m map[string]any) func(*company) map[string]any {
	return func(c *company) map[string]any {
		out := map[string]any{"rule": map[string]any{"all": []any{
			map[string]any{"field": "tag", "op": "any", "values": []any{c.ids.Of(model.KindTag, tagA)}},
			map[string]any{"field": "order.count", "op": "at_most", "values": []any{0}, "window": map[string]any{"last_days": 30}},
		}}}
		for k, v := range m {
			out[k] = v
		}
		return out
	}
}

// ofAcme adds the account to a body.
func ofAcme(m map[string]any) func(*company) map[string]any {
	return func(c *company) map[string]any {
		out := map[string]any{"account_id": c.ids.Of(model.KindAccount, acme)}
		for k, v := range m {
			out[k] = v
		}
		return out
	}
}

// messageDraft is a message that may be kept.
var messageDraft = map[string]any{"name": "新品", "topic": "news", "channels": []string{"mass", "inbox"}, "content": map[string]any{"text": "您好，{{客户昵称|朋友}}"}}

// governorSetting is the one in force, as the console got it.
func governorSetting(c *company) map[string]any {
	rec := c.do(request{method: "GET", path: "/api/console/governor", token: c.session(adminID)})
	return decode[map[string]any](c.t, rec.Body.Bytes())
}

// lifecycleSetting is the one in force, as the console got it.
func lifecycleSetting(c *company) map[string]any {
	rec := c.do(request{method: "GET", path: "/api/console/lifecycle/setting", token: c.session(adminID)})
	setting := decode[map[string]any](c.t, rec.Body.Bytes())
	delete(setting, "measures")
	return setting
}

func codeSettings(c *company) map[string]any {
	return map[string]any{
		"name": "新门店", "staff": []any{map[string]any{
			"staff_id": c.ids.Of(model.KindStaff, salesID), "daily_limit": 5,
			"shifts": []any{map[string]any{"weekdays": []int{1, 2}, "from": 540, "to": 1080}},
		}},
		"tag_ids": []string{c.ids.Of(model.KindTag, tagA)}, "welcome": map[string]any{"text": "您好 {{客户昵称}}"},
	}
}

// name is a route without the prefix that those of the console share.
func (r Route) name() string { return r.Method + " " + strings.TrimPrefix(r.Path, "/api/console") }

// forStaff tells whether staff call the route, in the console or in the sidebar.
func (r Route) forStaff() bool {
	return strings.HasPrefix(r.Path, "/api/console/") || strings.HasPrefix(r.Path, "/api/sidebar/")
}

// face is where a session must have signed in to be good for the route.
func (r Route) face() string {
	if strings.HasPrefix(r.Path, "/api/sidebar/") {
		return staff.FaceSidebar
	}
	return staff.FaceConsole
}

// eachRoute runs f for every route of the table with its line among the calls.
func (c *company) eachRoute(f func(r Route, k call)) {
	c.t.Helper()
	for _, r := range c.server.Routes() {
		if !r.forStaff() {
			continue // other faces have tables of their own
		}
		k, ok := calls[r.name()]
		if !ok {
			c.t.Errorf("%s has no line in the table of calls: no test knows how it is used", r.name())
			continue
		}
		f(r, k)
	}
}

// requestOf is the valid request of a route.
func (c *company) requestOf(r Route, k call) request {
	c.t.Helper()
	q := c.requestFor(r, k, c.ids.Of(k.kind, k.row))
	if r.name() == "POST /media" {
		q.body, q.header = form(c.t, map[string]string{"account_id": c.ids.Of(model.KindAccount, acme), "kind": "image"}, smallPicture())
	} else if r.name() == "POST /imports" {
		q.body, q.header = form(c.t, map[string]string{"kind": "customers"}, []byte("姓名,手机号\n王五,13900000001\n"))
	} else if k.body != nil {
		q.body = k.body(c)
	}
	return q
}

func (c *company) requestFor(r Route, k call, id string) request {
	path := strings.NewReplacer("{id}", id, "{run_id}", c.ids.Of(model.KindCampaignRun, campaignRunID), "{name}", cmp.Or(k.name, "session.prune")).Replace(r.Path)
	if k.query != "" {
		path += "?" + strings.NewReplacer("{acme}", c.ids.Of(model.KindAccount, acme), "{careTask}", c.ids.Of(model.KindTask, careTask), "{customer}", c.ids.Of(model.KindCustomer, ownCustomer)).Replace(k.query)
	}
	return request{method: r.Method, path: path}
}

func (k call) status() int {
	if k.want == 0 {
		return http.StatusOK
	}
	return k.want
}

func form(t testing.TB, fields map[string]string, file []byte) ([]byte, http.Header) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	part := must(w.CreateFormFile("file", "a.png"))(t)
	if _, err := part.Write(file); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), http.Header{"Content-Type": {w.FormDataContentType()}}
}

func decode[T any](t testing.TB, b []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v: %q", err, head(string(b)))
	}
	return v
}
