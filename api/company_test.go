package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"image/png"
	"slices"
	"strconv"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/account"
	"zhiyin/service/apikey"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/vault"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/webhook"
)

// base is where the row ids of the company begin: large enough to be recognised wherever they turn up.
const base = 81_726_354_000

// Row ids of the company. One corp has the departments 总部 > 销售部, and 客服部; the other corp has
// one staff member.
const (
	acme = base + iota // accounts
	rival
	headOffice // departments
	salesDept
	careDept
	adminID // staff
	operatorID
	managerID
	salesID
	serviceID
	auditorID
	newcomerID // no role
	rivalID
	ownCustomer // of sales
	careCustomer
	rivalCustomer
	ownRelation
	careRelation
	rivalRelation
	tagGroup
	tagA
	tagB
	rivalTagGroup
	rivalTag
	codeID
	welcomeID
	mediaID
	ownGroup
	careGroup
	rivalGroup
	memberID
	goneMemberID
	inboxID
	workID
	liveWorkID
	tickID
	runID
	ownTask
	careTask
	partID
	targetID // a staff member who is acted upon
	unknownInboxID
	segmentID
	listID
	journeyID
	stoppedJourney
	enrolmentID
	rehearsalID
	categoryID
	productID
	ownOrder
	careOrder
	rivalOrder
	keyID
	hookID
	sentID
	localGroup
	localTag
	batchID
	ruleID
	actID
	importID // ready to be started
	importOn // running
	exportID // done, of the operator
	exportOn
	exportWaits
	roleRequestID
	fileID
	ownNote  // of the administrator, about the customer of sales
	careNote // about a customer whom sales does not see
	rivalNote
	fieldID
	noticeID
	wishID // a wish about data
	findingID
	second // of lists that would have one entry
	twinA  // customers whom nobody follows: of a merge to be made, of one that was made, of a pair under review
	twinB
	twinKept
	twinGone
	twinOne
	twinOther
	mergeID
	reviewID
	pushedID   // a message that campaigns send
	campaignID // a draft
	askedID    // waits for approval
	runningID
	pausedID
	rejectedID // as askedID
	waitingID  // for its time
	stoppedID  // as runningID
	campaignRunID
	linkID
	pointsRuleID
	giftID
	redemptionID
	byHandID // what the administrator wants to send by hand
	doubtID  // a delivery in doubt, to the customer of sales
	laneID
	pauseID
	couponBatchID // active
	draftBatchID
	waitingBatchID // submitted by somebody else
	couponID
	heldCouponID // in review
	codesRunID
	spareCouponID
	newDraftID
	balanceID
	messageID // and of its version
	senderTaskID
	drawID      // a draft
	startedDraw // another, to be started
	endedDraw
	drawTryID
	referralID      // a draft
	startedReferral // another, to be published
	openReferral
	referralEdgeID
	referralRewardID
	contentCheckID // a review
)

// secrets are what no answer and no log may ever hold.
const (
	platformSecret = "SecretCanary-platform-000001"
	callbackToken  = "TokenCanary0000000000001"
	callbackAESKey = "AESKeyCanary0000000000000000000000000000001"
	payloadCanary  = "PayloadCanary"
)

// company is a replica with people of every role and things of everybody's.
type company struct {
	*replica
	dsn    string
	tokens map[string]string // of the console, by role; "" for somebody without one
	beside map[string]string // likewise of the sidebar
}

// tokenOf is the session of a role where the route wants it.
func (c *company) tokenOf(r Route, role string) string {
	if r.face() == staff.FaceSidebar {
		return c.beside[role]
	}
	return c.tokens[role]
}

var roleNames = []string{staff.RoleAdmin, staff.RoleOperator, staff.RoleManager, staff.RoleSales, staff.RoleService, staff.RoleAuditor}

func newCompany(t testing.TB) *company { return newCompanyWith(t, options{}) }

func newCompanyWith(t testing.TB, o options) *company {
	t.Helper()
	dsn := modeltest.DSN(t)
	c := &company{replica: newReplica(t, dsn, o), dsn: dsn, tokens: map[string]string{}, beside: map[string]string{}}
	c.found()
	for i, role := range roleNames {
		c.tokens[role], c.beside[role] = c.session(adminID+int64(i)), c.sessionOf(staff.FaceSidebar, adminID+int64(i))
	}
	c.tokens[""], c.beside[""] = c.session(newcomerID), c.sessionOf(staff.FaceSidebar, newcomerID)
	return c
}

// found writes the company's rows, in one transaction because SQLite syncs each.
func (c *company) found() {
	c.t.Helper()
	var rows []any
	rows = append(rows, c.accounts()...)
	rows = append(rows, c.partners()...)
	rows = append(rows, people()...)
	rows = append(rows, customers(c.t)...)
	rows = append(rows, twins()...)
	rows = append(rows, pushes()...)
	rows = append(rows, club()...)
	rows = append(rows, reachRows()...)
	rows = append(rows, things()...)
	rows = append(rows, segments()...)
	rows = append(rows, deliveries()...)
	rows = append(rows, offers(c.t)...)
	tx := c.db.Begin()
	modeltest.Create(c.t, tx, rows...)
	if _, err := c.events.Record(tx, facts()...); err != nil {
		c.t.Fatal(err)
	}
	if err := tx.Commit().Error; err != nil {
		c.t.Fatal(err)
	}
}

// deliveries are what customers have been sent, and a pause.
func deliveries() (rows []any) {
	lane := &model.DeliveryLane{ID: laneID, Alike: "a", Source: "task", SourceID: ownTask, Channel: "sms", AccountID: acme, StaffID: salesID, CreatedAt: noon}
	rows = append(rows, lane, &model.DeliveryPause{ID: pauseID, Subject: "channel:sms:7", Reason: "permission", CreatedAt: noon})
	for i, customer := range []int64{ownCustomer, careCustomer, rivalCustomer} {
		rows = append(rows, &model.Delivery{
			ID: doubtID + 10*int64(i), Source: "task", SourceID: ownTask, CustomerID: customer, LaneID: laneID, Shelf: 24, State: 24, DueAt: noon, Attempts: 1,
			Reason: "no_answer", CreatedAt: noon, UpdatedAt: noon,
		})
	}
	rows = append(rows,
		&model.DeliveryLane{ID: byHandID, Alike: "b", Source: "sidebar", SourceID: adminID, Channel: "task", AccountID: acme, StaffID: adminID, CreatedAt: noon},
		&model.Delivery{ID: byHandID, Source: "sidebar", SourceID: adminID, CustomerID: careCustomer, Occurrence: "request-0", LaneID: byHandID, Shelf: 21, State: 21, Reason: "cap", DueAt: noon, CreatedAt: noon, UpdatedAt: noon},
		&model.DeliveryTally{ID: byHandID, LaneID: byHandID, State: 21, Changed: 1},
	)
	return append(rows, &model.DeliveryTally{ID: laneID, LaneID: laneID, State: 24, Changed: 3})
}

// accounts makes real sealed credentials, by way of the capability, under row ids of ours.
func (c *company) accounts() []any {
	c.t.Helper()
	s := account.New(c.db, c.clock.Now, vaulttest.New(c.t))
	var rows []any
	for i, in := range []account.CreateInput{
		{Kind: account.KindWeCom, Name: "acme", Title: "甲公司", PlatformID: "ww0000000000000001", AgentID: 1000002},
		{Kind: account.KindWeCom, Name: "rival", Title: "乙公司", PlatformID: "ww0000000000000002", AgentID: 1000003},
	} {
		in.Secret, in.CallbackToken, in.CallbackAESKey = platformSecret, callbackToken, callbackAESKey
		row := must(s.Create(context.Background(), in))(c.t)
		if err := c.db.Delete(&model.Account{}, "id = ?", row.ID).Error; err != nil {
			c.t.Fatal(err)
		}
		row.ID = acme + int64(i)
		rows = append(rows, row)
	}
	return rows
}

// partners makes a key and a webhook with real sealed secrets under row ids of ours.
func (c *company) partners() []any {
	c.t.Helper()
	name, url := "网店", "https://shop.example.com/hook?token="+payloadCanary
	key, _, err := c.keys.Create(context.Background(), adminID, apikey.Input{Name: &name, Permissions: []string{apikey.MayWriteOrders}})
	if err != nil {
		c.t.Fatal(err)
	}
	hook, _, err := c.hooks.Create(context.Background(), adminID, webhook.Input{Name: &name, URL: &url, Kinds: []string{event.KindOrderPaid}})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, row := range []any{&key.APIKey, &hook.Webhook} {
		if err := c.db.Delete(row).Error; err != nil {
			c.t.Fatal(err)
		}
	}
	// Seals are bound to the webhook's id; nothing here opens one.
	key.ID, hook.ID = keyID, hookID
	return []any{&key.APIKey, &hook.Webhook}
}

func people() []any {
	member := func(id, account int64, userid string) *model.Staff {
		return &model.Staff{ID: id, AccountID: account, UserID: userid, Name: "成员" + userid, PlatformStatus: 1, CreatedAt: noon, UpdatedAt: noon}
	}
	rows := []any{
		&model.Department{ID: headOffice, AccountID: acme, PlatformID: 1, Name: "总部", CreatedAt: noon, UpdatedAt: noon},
		&model.Department{ID: salesDept, AccountID: acme, PlatformID: 2, ParentPlatformID: 1, Name: "销售部", CreatedAt: noon, UpdatedAt: noon},
		&model.Department{ID: careDept, AccountID: acme, PlatformID: 3, ParentPlatformID: 1, Name: "客服部", CreatedAt: noon, UpdatedAt: noon},
		member(adminID, 0, "admin"), member(operatorID, 0, "operator"), member(managerID, acme, "manager"), member(salesID, acme, "sales"),
		member(serviceID, acme, "service"), member(auditorID, 0, "auditor"), member(newcomerID, 0, "newcomer"), member(rivalID, rival, "rival"), member(targetID, 0, "target"),
		&model.StaffDepartment{StaffID: managerID, DepartmentID: salesDept, IsLeader: true},
		&model.StaffDepartment{StaffID: salesID, DepartmentID: salesDept},
		&model.StaffDepartment{StaffID: serviceID, DepartmentID: careDept},
	}
	for i, role := range roleNames {
		rows = append(rows, &model.StaffRole{StaffID: adminID + int64(i), Role: role, CreatedAt: noon})
	}
	return rows
}

// segments is a built one with members, whose rule names things by their ids, and a list.
func segments() []any {
	at, rule := noon, fmt.Sprintf(`{"any":[{"field":"tag","op":"any","values":["%d"]},{"field":"staff","op":"any","values":["%d"]}]}`, tagA, salesID)
	rows := []any{&model.Segment{ID: listID, Name: "名单", Kind: "list", Version: 1, BuiltVersion: 1, CreatedBy: operatorID, CreatedAt: noon, UpdatedAt: noon}}
	for i := range int64(2) {
		rows = append(rows,
			&model.Segment{ID: segmentID + i*100, Name: "老客户", Kind: "dynamic", Rule: rule, Version: 1, BuiltVersion: 1, BuiltAt: &at, Members: 2, CreatedBy: operatorID, CreatedAt: noon, UpdatedAt: noon},
			&model.SegmentVersion{SegmentID: segmentID, Version: i, Rule: rule, ChangedBy: operatorID, CreatedAt: noon},
			&model.SegmentBuild{SegmentID: segmentID, Version: 1, Status: "done", StartedAt: noon, FinishedAt: &at, UpdatedAt: noon},
			&model.SegmentMember{SegmentID: segmentID, CustomerID: ownCustomer + i, Stay: 1, EnteredAt: noon},
			&model.SegmentSize{SegmentID: segmentID, Day: 20261121 + int(i), Members: 2, Entered: 2},
		)
	}
	return rows
}

// phoneNumber is an identity as the house stores one.
func phoneNumber(t testing.TB, customerID int64, number string) *model.Identity {
	v := vaulttest.New(t)
	index := v.Index("identity.phone", "", number)
	return &model.Identity{
		CustomerID: customerID, Kind: "phone", Value: index, Source: "wecom", CreatedAt: noon,
		SealedValue: v.Seal(number, vault.Place{Table: "identity", Column: "sealed_value", Row: index}),
	}
}

// contentHash is what binds a check to a content.
func contentHash(field, content string) []byte {
	sum := sha256.Sum256([]byte(field + "\x00" + content))
	return sum[:]
}

func customers(t testing.TB) []any {
	var rows []any
	for i, c := range []struct {
		account, staff int64
		name           string
	}{{acme, salesID, "王小明"}, {acme, serviceID, "李小红"}, {rival, rivalID, "赵小刚"}} {
		id := int64(i)
		rows = append(rows,
			&model.Customer{ID: ownCustomer + id, Name: c.name, FirstSeenAt: noon.Add(-time.Duration(i) * time.Hour), CreatedAt: noon, UpdatedAt: noon},
			&model.Identity{CustomerID: ownCustomer + id, Kind: "external_userid", Scope: "corp", Value: "wm" + c.name, Source: "wecom", CreatedAt: noon},
			phoneNumber(t, ownCustomer+id, "1380013800"+string(rune('0'+i))),
			&model.Relation{
				ID: ownRelation + id, AccountID: c.account, StaffID: c.staff, CustomerID: ownCustomer + id, ExternalUserID: "wm" + c.name,
				Status: "active", AddedAt: noon, RemarkState: "synced", DescriptionState: "synced", Fingerprint: []byte{}, ChannelCodeID: codeID, CreatedAt: noon, UpdatedAt: noon,
			},
			&model.CustomerGroup{
				ID: ownGroup + id, AccountID: c.account, ChatID: "wr" + c.name, Name: c.name + "的群", OwnerStaffID: c.staff, FoundedAt: noon, CreatedAt: noon, UpdatedAt: noon,
			},
		)
	}
	for i, person := range []int64{salesID, serviceID} {
		id := int64(i)
		rows = append(rows, &model.Task{
			ID: ownTask + id, StaffID: person, CustomerID: ownCustomer + id, Kind: "welcome.missed", DedupeKey: string(rune('a' + i)),
			Title: "打个招呼", Status: "open", DueAt: noon, CreatedAt: noon, UpdatedAt: noon,
		})
	}
	for i := range int64(2) {
		rows = append(rows, &model.Task{ID: second + i, StaffID: adminID, Kind: "reminder", DedupeKey: fmt.Sprint("reminder", i), Title: "回电", Status: "open", DueAt: noon, CreatedAt: noon, UpdatedAt: noon})
	}
	for i := range int64(3) {
		number := string(rune('1' + i))
		rows = append(rows,
			&model.CustomerOrder{
				ID: ownOrder + i, Number: "N" + number, CustomerID: ownCustomer + i, Status: "paid", TotalFen: 500, PaidFen: 500, RefundedFen: 100,
				PlacedAt: noon, PaidAt: &noonRow, Version: 1, CreatedAt: noon, UpdatedAt: noon,
			},
			&model.OrderLine{OrderID: ownOrder + i, Line: 1, CustomerID: ownCustomer + i, ProductID: productID, CategoryID: categoryID, Name: "苹果", Quantity: 1, PriceFen: 500, PaidFen: 500, PaidAt: &noonRow},
			&model.Refund{
				ID: ownOrder + i, Number: "R" + number, OrderNumber: "N" + number, OrderID: ownOrder + i, CustomerID: ownCustomer + i, Status: "refunded",
				AmountFen: 100, RefundedAt: &noonRow, Version: 1, CreatedAt: noon, UpdatedAt: noon,
			},
		)
	}
	left := noon.Add(-time.Minute)
	return append(rows,
		&model.GroupMember{ID: memberID, GroupID: ownGroup, UserID: "wm1", Kind: "external", CustomerID: ownCustomer, JoinedAt: noon, CreatedAt: noon, UpdatedAt: noon},
		&model.GroupMember{ID: second, GroupID: ownGroup, UserID: "wm3", Kind: "external", JoinedAt: noon.Add(-time.Hour), LeftAt: &left, CreatedAt: noon, UpdatedAt: noon},
		&model.GroupMember{ID: goneMemberID, GroupID: ownGroup, UserID: "wm2", Kind: "external", CustomerID: careCustomer, JoinedAt: noon.Add(-time.Hour), LeftAt: &left, CreatedAt: noon, UpdatedAt: noon},
	)
}

func twins() []any {
	var rows []any
	for id := int64(twinA); id <= twinOther; id++ {
		c := &model.Customer{ID: id, Name: "同名", FirstSeenAt: noon.Add(-24 * time.Hour), CreatedAt: noon, UpdatedAt: noon}
		if id == twinGone {
			c.MergedInto = twinKept
		}
		rows = append(rows, c)
	}
	merge := func(id int64, undone *time.Time) *model.CustomerMerge {
		return &model.CustomerMerge{
			ID: id, CustomerID: twinKept, OtherID: twinGone, Reason: "phone", IdentityKind: "phone", Source: "miniapp", Confidence: 9_500,
			KeptBefore: "{}", KeptAfter: "{}", MergedAt: noon, UndoneAt: undone,
		}
	}
	review := func(id, one, other int64) *model.MergeReview {
		return &model.MergeReview{
			ID: id, Pair: fmt.Sprintf("%d:%d", one, other), CustomerID: one, OtherID: other, Reason: "conflict", IdentityKind: "phone", Source: "miniapp",
			Confidence: 9_500, Status: "open", FoundAt: noon,
		}
	}
	return append(rows, merge(mergeID, nil), merge(second, &noonRow), review(reviewID, twinOne, twinOther), review(second, twinA, twinOther))
}

// club is a customer with points, a rule, a gift, and one who waits for theirs.
func club() []any {
	return []any{
		&model.ContentCheck{
			ID: contentCheckID, CustomerID: ownCustomer, Field: "name", Hash: contentHash("name", "王小明"), State: "review", Reason: "unsure", DueAt: &noonRow, CreatedAt: noon, UpdatedAt: noon,
		},
		programme(referralID, "draft"), programme(startedReferral, "draft"), programme(openReferral, "active"),
		&model.ReferralStep{ProgrammeID: openReferral, Friends: 1, Kind: "gift", Name: "水杯"}, &model.ReferralBudget{ProgrammeID: openReferral, LimitRewards: 10, UsedRewards: 1},
		&model.ReferralCode{ProgrammeID: openReferral, CustomerID: ownCustomer, HolderID: ownCustomer, Code: "0123456789abcdef", CreatedAt: noon},
		&model.ReferralEdge{
			ID: referralEdgeID, ProgrammeID: openReferral, InviterID: ownCustomer, InviteeID: careCustomer, State: "review", Score: 40, Signals: "device_again",
			TouchedAt: noon, JoinedAt: &noonRow, DueAt: &noonRow, UpdatedAt: noon,
		},
		&model.ReferralReward{
			ID: referralRewardID, ProgrammeID: openReferral, CustomerID: ownCustomer, RewardKey: "a", Role: "inviter", Kind: "gift", Name: "水杯", State: "to_hand_over",
			DueAt: noon, CreatedAt: noon, UpdatedAt: noon,
		},
		luckyDraw(drawID, "draft"), luckyDraw(startedDraw, "draft"), luckyDraw(endedDraw, "ended"),
		&model.DrawPrize{DrawID: endedDraw, Name: "手机", Kind: "gift", Odds: 1, Stock: 1},
		&model.DrawTry{ID: drawTryID, DrawID: endedDraw, Number: 1, CustomerID: ownCustomer, Day: 20261122, RequestKey: "a", Nonce: "n", Place: 0, Won: true, State: "to_hand_over", CreatedAt: noon, UpdatedAt: noon},
		&model.DrawTry{ID: second, DrawID: endedDraw, Number: 2, CustomerID: careCustomer, Day: 20261122, RequestKey: "b", Nonce: "n", Place: -1, State: "nothing", CreatedAt: noon, UpdatedAt: noon},
		&model.PointsAccount{CustomerID: ownCustomer, Balance: 70, Earned: 100, CreatedAt: noon, UpdatedAt: noon},
		&model.PointsEntry{CustomerID: ownCustomer, EntryKey: "a", Kind: "earn", FromBook: "issued", ToBook: "available", Points: 100, RuleID: pointsRuleID, Reason: "消费", CreatedAt: noon},
		&model.PointsEntry{CustomerID: ownCustomer, EntryKey: "b", Kind: "spend", FromBook: "available", ToBook: "spent", Points: 30, Reason: "杯子", CreatedAt: noon},
		&model.PointsLot{CustomerID: ownCustomer, EntryID: 1, Points: 100, Remaining: 70, CreatedAt: noon},
		&model.PointsRule{ID: pointsRuleID, Name: "消费", EventKind: "order.paid", PerFen: 100, Enabled: true, Version: 1, CreatedAt: noon, UpdatedAt: noon},
		&model.Reward{ID: giftID, Name: "杯子", Kind: "gift", Price: 30, Stock: 9, Taken: 1, Enabled: true, Version: 1, CreatedAt: noon, UpdatedAt: noon},
		&model.Redemption{ID: redemptionID, RewardID: giftID, CustomerID: ownCustomer, RequestKey: "b", Points: 30, State: "to_hand_over", CreatedAt: noon, UpdatedAt: noon},
		&model.Redemption{ID: second, RewardID: giftID, CustomerID: careCustomer, RequestKey: "c", Points: 30, State: "to_hand_over", CreatedAt: noon, UpdatedAt: noon},
	}
}

// pushes are campaigns in several states, with a run and a link.
func pushes() []any {
	rows := []any{
		&model.Message{ID: pushedID, Name: "预热", Version: 1, CreatedBy: operatorID, CreatedAt: noon, UpdatedAt: noon},
		&model.MessageVersion{ID: pushedID, MessageID: pushedID, Version: 1, Channels: `["postbox"]`, Body: `{"text":"双十一见"}`, Hash: []byte{1}, Findings: "[]", StaffID: operatorID, CreatedAt: noon},
		&model.CampaignRun{ID: campaignRunID, CampaignID: runningID, Number: 1, PlannedFor: noon, State: "sending", Members: 2, StartedAt: noon, FrozenAt: &noonRow, UpdatedAt: noon},
		&model.CampaignRun{ID: second, CampaignID: runningID, Number: 2, PlannedFor: noon.Add(time.Hour), State: "sending", Members: 2, StartedAt: noon, FrozenAt: &noonRow, UpdatedAt: noon},
		&model.ShortLink{ID: linkID, Code: "abcdefghij", CampaignID: runningID, Target: "https://shop.example.com/", Kind: "web", CreatedBy: operatorID, CreatedAt: noon},
	}
	next := noon.Add(time.Hour)
	for i, state := range []string{"draft", "asked", "running", "paused", "asked", "scheduled", "running"} {
		id := int64(campaignID + i)
		c := &model.Campaign{
			ID: id, Name: "双十一" + state, Code: state + strconv.Itoa(i), State: state, Channel: "postbox", AccountID: acme, Audience: `{"customers":[` + strconv.FormatInt(ownCustomer, 10) + `]}`,
			Schedule: "{}", KeepHours: 72, Version: 1, CreatedBy: operatorID, ChangedBy: targetID, AskedBy: targetID, CreatedAt: noon, UpdatedAt: noon,
		}
		if state == "running" || state == "paused" || state == "scheduled" {
			c.Runs, c.NextAt = 1, &next
		}
		rows = append(rows, c, &model.CampaignVariant{CampaignID: id, Name: "A", ShareBP: 10000, MessageID: pushedID})
	}
	return rows
}

func programme(id int64, state string) *model.ReferralProgramme {
	return &model.ReferralProgramme{
		ID: id, Name: "老带新", State: state, From: noon.Add(-time.Hour), Until: noon.Add(24 * time.Hour), Ask: "sign_in", CoolOffDays: 7, Link: "https://shop.example.com/i/{code}",
		Version: 1, CreatedAt: noon, UpdatedAt: noon,
	}
}

func luckyDraw(id int64, state string) *model.LuckyDraw {
	return &model.LuckyDraw{
		ID: id, Name: "大转盘", Style: "wheel", State: state, From: noon, Until: noon.Add(time.Hour), Commitment: []byte{1}, Tries: 2,
		Version: 1, CreatedAt: noon, UpdatedAt: noon,
	}
}

func tagBatch(id int64) *model.TagBatch {
	return &model.TagBatch{
		ID: id, Action: "add", TagIDs: "[" + strconv.FormatInt(localTag, 10) + "]", Target: "list", StaffID: operatorID, State: "running", Total: 3, Done: 1,
		Changed: 1, CreatedAt: noon, UpdatedAt: noon,
	}
}

func tagRule(id int64) *model.TagRule {
	return &model.TagRule{
		ID: id, Name: "看得多", ConditionJSON: `{"field":"tag","op":"any","values":["` + strconv.FormatInt(tagA, 10) + `"]}`,
		TagIDs: "[" + strconv.FormatInt(localTag, 10) + "]", Version: 1, CreatedBy: operatorID, CreatedAt: noon, UpdatedAt: noon,
	}
}

// simpleJourney waits a day and ends.
const simpleJourney = `{"trigger":{"kind":"api"},"entry":{"again":"once"},"start":"pause","nodes":[{"id":"pause","step":"wait","with":{"for":"1d"},"next":{"next":"end"}},{"id":"end","step":"exit"}]}`

func journeyRow(id int64, state string) *model.Journey {
	return &model.Journey{ID: id, Name: "新客", State: state, Draft: simpleJourney, DraftVersion: 1, Version: 2, CreatedBy: operatorID, CreatedAt: noon, UpdatedAt: noon}
}

func enrolmentRow(id, journey, customer int64) *model.Enrolment {
	return &model.Enrolment{
		ID: id, JourneyID: journey, Version: 1, CustomerID: customer, Turn: 1, State: "stuck", Node: "pause", Visit: 2, ArrivedAt: noon, DueAt: noon,
		Reason: "pause: 步骤执行失败", Cause: "api", EnteredAt: noon, UpdatedAt: noon,
	}
}

func things() []any {
	text := func(s string) *string { return &s }
	picture, digest, later := smallPicture(), bytes.Repeat([]byte{7}, 32), noon.Add(time.Hour)
	return []any{
		&model.ProductCategory{ID: categoryID, Number: "fruit", Name: "水果", CreatedAt: noon, UpdatedAt: noon},
		&model.Product{ID: productID, Number: "A", Name: "苹果", CategoryID: categoryID, PriceFen: 500, Status: "on_sale", Version: 1, CreatedAt: noon, UpdatedAt: noon},
		&model.Product{ID: second, Number: "B", Name: "梨", PriceFen: 500, Status: "on_sale", Version: 1, CreatedAt: noon, UpdatedAt: noon},
		&model.WebhookDelivery{ID: sentID, WebhookID: hookID, Kind: "ping", DedupeKey: "a", State: "failed", Attempts: 1, LastStatus: 500, CreatedAt: noon, EndedAt: &noonRow},
		&model.WebhookDelivery{ID: second, WebhookID: hookID, Kind: "ping", DedupeKey: "b", State: "failed", Attempts: 1, LastStatus: 500, CreatedAt: noon, EndedAt: &noonRow},
		&model.WebhookAttempt{DeliveryID: sentID, Number: 1, StartedAt: noon, Outcome: "refused", Status: 500, Response: "broken"},
		&model.TagGroup{ID: tagGroup, AccountID: acme, PlatformID: text("etG1"), Name: "等级", SyncState: "synced", CreatedAt: noon, UpdatedAt: noon},
		&model.Tag{ID: tagA, AccountID: acme, GroupID: tagGroup, PlatformID: text("et1"), Name: "重要", SyncState: "synced", CreatedAt: noon, UpdatedAt: noon},
		&model.Tag{ID: tagB, AccountID: acme, GroupID: tagGroup, PlatformID: text("et2"), Name: "普通", SyncState: "synced", CreatedAt: noon, UpdatedAt: noon},
		&model.TagGroup{ID: rivalTagGroup, AccountID: rival, PlatformID: text("etG2"), Name: "乙等级", SyncState: "synced", CreatedAt: noon, UpdatedAt: noon},
		&model.Tag{ID: rivalTag, AccountID: rival, GroupID: rivalTagGroup, PlatformID: text("et3"), Name: "乙重要", SyncState: "synced", CreatedAt: noon, UpdatedAt: noon},
		&model.TagGroup{ID: localGroup, Name: "兴趣", SyncState: "synced", CreatedAt: noon, UpdatedAt: noon},
		&model.Tag{ID: localTag, GroupID: localGroup, Name: "露营", SyncState: "synced", CreatedAt: noon, UpdatedAt: noon},
		&model.TagMirror{AccountID: acme, GroupID: localGroup, TagID: localTag, Reason: "企业微信中已删除", CreatedAt: noon, UpdatedAt: noon},
		&model.TagGrant{CustomerID: ownCustomer, TagID: localTag, Source: "rule", SourceID: ruleID, CreatedAt: noon},
		&model.CustomerTag{CustomerID: ownCustomer, TagID: localTag, Source: "rule", SourceID: ruleID, CreatedAt: noon},
		&model.TransferFile{ID: fileID, Name: "a.csv", MIME: "utf-8", Size: 30, ExpiresAt: noon.Add(time.Hour), CreatedAt: noon},
		&model.TransferPart{FileID: fileID, Content: []byte("姓名,手机号\n王五,13900000001\n")},
		&model.ImportRun{
			ID: importID, Kind: "customers", FileID: fileID, StaffID: operatorID, Status: "ready", Encoding: "utf-8", Delimiter: ",", Mapping: `["name","phone"]`,
			Header: `["姓名","手机号"]`, TotalRows: 1, NextRow: 2, CreatedAt: noon, UpdatedAt: noon,
		},
		&model.ImportRun{ID: importOn, Kind: "customers", FileID: fileID, StaffID: operatorID, Status: "running", Mapping: "[]", Header: "[]", NextRow: 2, CreatedAt: noon, UpdatedAt: noon},
		&model.ImportProblem{ImportID: importID, Line: 2, ColumnName: "phone", Code: "customer.bad_identity", Reason: "身份信息无效"},
		&model.ImportProblem{ImportID: importID, Line: 3, Code: "import.nobody", Reason: "没有身份"},
		&model.ExportRun{ID: exportID, Kind: "customers", StaffID: adminID, Purpose: "回访", Watermark: "ABC", Format: "csv", Columns: `["name"]`, Status: "done", FileID: fileID, ExpiresAt: &later, CreatedAt: noon, UpdatedAt: noon},
		&model.ExportRun{ID: exportOn, Kind: "orders", StaffID: operatorID, Purpose: "回访", Watermark: "ABD", Format: "xlsx", Columns: `["number"]`, Status: "running", CreatedAt: noon, UpdatedAt: noon},
		&model.ExportRun{ID: exportWaits, Kind: "orders", StaffID: salesID, Purpose: "回访", Watermark: "ABE", Format: "xlsx", Columns: `["number"]`, Status: "waiting", CreatedAt: noon, UpdatedAt: noon},
		&model.RoleRequest{ID: roleRequestID, StaffID: targetID, Roles: "operator", State: "waiting", AskedBy: operatorID, CreatedAt: noon},
		tagBatch(batchID), tagBatch(second), tagRule(ruleID), tagRule(second),
		journeyRow(journeyID, "active"), journeyRow(second, "draft"), journeyRow(stoppedJourney, "stopped"),
		&model.JourneyVersion{JourneyID: journeyID, Number: 1, Definition: simpleJourney, Live: true, CreatedBy: operatorID, CreatedAt: noon},
		&model.JourneyVersion{JourneyID: journeyID, Number: 2, Definition: simpleJourney, Live: true, CreatedBy: operatorID, CreatedAt: noon},
		enrolmentRow(enrolmentID, journeyID, ownCustomer), enrolmentRow(second, journeyID, careCustomer),
		&model.EnrolmentVisit{EnrolmentID: enrolmentID, Visit: 1, Node: "pause", Outcome: "next", At: noon},
		&model.JourneyRehearsal{ID: rehearsalID, JourneyID: journeyID, Definition: simpleJourney, Asked: "{}", State: "waiting", StaffID: operatorID, CreatedAt: noon},
		&model.JourneyRehearsal{ID: second, JourneyID: journeyID, Definition: simpleJourney, Asked: "{}", State: "done", StaffID: operatorID, CreatedAt: noon},
		&model.TagRuleAct{ID: actID, RuleID: ruleID, CustomerID: ownCustomer, Act: "give", Why: "product_view", At: noon},
		&model.TagRuleAct{ID: second, RuleID: ruleID, CustomerID: careCustomer, Act: "give", Why: "time", At: noon},
		&model.TagAssignment{TagID: tagA, RelationID: ownRelation, CustomerID: ownCustomer, Source: "wecom", SyncState: "synced", KnownAt: noon, CreatedAt: noon, UpdatedAt: noon},
		&model.ChannelCode{ID: codeID, AccountID: acme, Name: "门店", State: "st1", Enabled: true, CreatedBy: operatorID, CreatedAt: noon, UpdatedAt: noon},
		&model.ChannelCodeStaff{ChannelCodeID: codeID, StaffID: salesID},
		&model.ChannelCodeTag{ChannelCodeID: codeID, TagID: tagA},
		&model.ChannelCodeDay{ChannelCodeID: codeID, StaffID: salesID, Day: "2026-11-22", Added: 3, Lost: 1},
		&model.Welcome{ID: welcomeID, AccountID: acme, Scope: "default", Text: "您好 {{客户昵称}}", Attachments: "[]", Enabled: true, CreatedAt: noon, UpdatedAt: noon},
		&model.Media{ID: mediaID, AccountID: acme, Kind: "image", Name: "a.png", MIME: "image/png", Size: int64(len(picture)), SHA256: digest, CreatedAt: noon, UpdatedAt: noon},
		&model.MediaContent{MediaID: mediaID, Part: 0, Content: picture},
		&model.EventKind{Name: "course_trial", Zh: "试听", En: "Trial", Class: "behaviour", Properties: "[]", Version: 1, CreatedAt: noon, UpdatedAt: noon},
		&model.EventAside{ID: second, AccountID: acme, CustomerID: ownCustomer, Source: "miniapp", Name: "course_trial", Reason: "unknown", DedupeKey: digest[:16], Properties: "{}", OccurredAt: noon, ReceivedAt: noon},
		&model.EventAside{ID: second + 1, AccountID: acme, CustomerID: ownCustomer, Source: "miniapp", Name: "paper_read", Reason: "unknown", DedupeKey: bytes.Repeat([]byte{8}, 16), Properties: `{"a":1}`, OccurredAt: noon, ReceivedAt: noon},
		&model.ChannelCode{ID: second, AccountID: acme, Name: "展会", State: "st2", Enabled: true, CreatedBy: operatorID, CreatedAt: noon, UpdatedAt: noon},
		&model.Media{ID: second, AccountID: acme, Kind: "file", Name: "b.txt", MIME: "text/plain", Size: 6, SHA256: digest, CreatedAt: noon, UpdatedAt: noon},
		&model.CronTick{ID: second, Job: "work.prune", FireTime: noon, Status: "failed", Trigger: "clock", Error: "timed out", CreatedAt: noon},
		&model.SyncRun{ID: second, AccountID: rival, Status: "done", Trigger: "clock", Stage: "finish", StartedAt: noon, UpdatedAt: noon},
		&model.Inbox{ID: inboxID, AccountID: acme, Digest: digest, Kind: "change_external_contact", Body: []byte("<xml><A>1</A></xml>"), State: "failed", Error: "could not be read", ReceivedAt: noon},
		&model.Inbox{ID: unknownInboxID, AccountID: acme, Digest: bytes.Repeat([]byte{8}, 32), Kind: "new_thing", Body: []byte("<xml></xml>"), State: "unknown", ReceivedAt: noon},
		&model.Work{ID: workID, Kind: "welcome.send", Payload: `{"code":"` + payloadCanary + `"}`, State: "dead", RunAt: noon, LeaseToken: payloadCanary, LastError: "platform said 41050", FinishedAt: &noonRow, CreatedAt: noon},
		&model.Work{ID: liveWorkID, Kind: "welcome.send", Payload: `{"code":"` + payloadCanary + `"}`, State: "ready", RunAt: noon, CreatedAt: noon},
		&model.CronTick{ID: tickID, Job: "session.prune", FireTime: noon, Status: "done", Trigger: "clock", CreatedAt: noon},
		&model.SyncRun{ID: runID, AccountID: acme, RunningAccountID: idPointer(acme), Status: "running", Trigger: "clock", Stage: "customers", StartedAt: noon, UpdatedAt: noon},
		&model.LifecycleRun{ID: runID, Status: "done", Cause: "night", Phase: "finish", Total: 3, Finished: 3, StartedAt: noon, UpdatedAt: noon, FinishedAt: &noonRow},
		&model.LifecycleRun{ID: second, Status: "running", Cause: "night", Phase: "score", DoneID: ownCustomer, Total: 3, Finished: 1, StartedAt: noon, UpdatedAt: noon},
		&model.LifecycleBasis{ID: second, Day: 20261122, Body: `{"card":{"fitted_at":"2026-11-22T04:00:00Z","day":20261122,"purchases_lack":{"reason":"few_buyers","have":3,"need":300}}}`, CreatedAt: noon},
		&model.CustomerLifecycle{CustomerID: ownCustomer, Stage: "active", StageSince: noon, StageChanges: 1, Recency: 5, Frequency: 2, Monetary: 3, ValueScore: 400, ValueGrade: "potential", RiskGrade: "low", AliveBP: 9000, ExpectedFen: 1200, ComputedAt: noon},
		&model.StageChange{CustomerID: ownCustomer, Number: 1, ToStage: "active", Day: 20261122, Cause: "night", ChangedAt: noon},
		&model.StageDay{Day: 20261122, Stage: "active", Customers: 1, ValueScore: 400, ExpectedFen: 1200},
		note(ownNote, ownCustomer), note(careNote, careCustomer), note(rivalNote, rivalCustomer), note(second, ownCustomer),
		&model.CustomField{ID: fieldID, Name: "hobby", Title: "爱好", Kind: "text", Choices: "[]", Asked: true, CreatedAt: noon, UpdatedAt: noon},
		&model.CustomField{ID: second, Name: "id_card", Title: "证件", Kind: "text", Choices: "[]", Sealed: true, CreatedAt: noon, UpdatedAt: noon},
		&model.Notice{ID: noticeID, Purpose: "profile", Version: 1, Title: "告知", Body: "第一版", Digest: digest, Explicit: true, StaffID: adminID, EffectiveAt: noon, CreatedAt: noon},
		&model.PrivacyRequest{ID: wishID, CustomerID: ownCustomer, Kind: "erase", State: "recorded", OpenKey: text("erase"), Source: "miniapp", CreatedAt: noon, UpdatedAt: noon},
		&model.PrivacyRequest{ID: second, CustomerID: careCustomer, Kind: "export", State: "done", Source: "miniapp", CreatedAt: noon, UpdatedAt: noon},
		&model.Message{ID: messageID, Name: "问候", Version: 1, CreatedBy: salesID, CreatedAt: noon, UpdatedAt: noon},
		&model.MessageVersion{ID: messageID, MessageID: messageID, Version: 1, Channels: `["mass","task"]`, Body: `{"text":"您好，{{客户昵称|朋友}}"}`, Hash: make([]byte, 32), Findings: "[]", StaffID: salesID, CreatedAt: noon},
		&model.QualityFinding{ID: findingID, Kind: "duplicate", CustomerID: careCustomer, OtherID: ownCustomer, Field: "name", Reason: "same_name_and_avatar", FoundAt: noon},
		&model.QualityFinding{ID: second, Kind: "impossible", CustomerID: careCustomer, Field: "gender", Reason: "unknown_code", FoundAt: noon},
		&model.CustomerTouch{CustomerID: ownCustomer, Place: "first", Source: "wecom", AccountID: acme, ChannelCodeID: codeID, StaffID: salesID, TouchedAt: noon},
		&model.SyncPart{ID: partID, RunID: runID, Stage: "customers", PartKey: "sales", Status: "failed", Error: "-1", UpdatedAt: noon},
	}
}

func note(id, customer int64) *model.CustomerNote {
	return &model.CustomerNote{ID: id, CustomerID: customer, StaffID: adminID, Body: "备注", CreatedAt: noon, UpdatedAt: noon}
}

var noonRow = noon

func idPointer(id int64) *int64 { return &id }

func smallPicture() []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// facts is one of every kind, about the customer of sales.
func facts() []event.Fact {
	r := event.RelationFact{AccountID: acme, CustomerID: ownCustomer, StaffID: salesID, RelationID: ownRelation, Source: event.SourceCallback, At: noon}
	m := event.MembershipFact{AccountID: acme, GroupID: ownGroup, MemberID: memberID, CustomerID: ownCustomer, StaffID: salesID, Source: event.SourceCallback, At: noon}
	return []event.Fact{
		event.CustomerAdded{RelationFact: r, AddWay: 1, State: "st1", ChannelCodeID: codeID},
		event.CustomerHalfAdded{RelationFact: r, ChannelCodeID: codeID},
		event.CustomerDeletedByStaff{RelationFact: r},
		event.CustomerLeft{RelationFact: r},
		event.TagChanged{RelationFact: r, Added: []int64{tagA}, Removed: []int64{tagB}, ChangeKey: "1"},
		event.SamePersonFound{AccountID: acme, CustomerID: ownCustomer, OtherID: careCustomer, Source: event.SourceSync, At: noon},
		event.StageChanged{CustomerID: ownCustomer, Number: 2, From: "new", To: "growing", Cause: "event", At: noon},
		event.GroupJoined{MembershipFact: m, JoinScene: 3},
		event.GroupLeft{MembershipFact: m, QuitScene: 1},
		event.OrderPaid{OrderFact: event.OrderFact{OrderID: ownOrder, CustomerID: ownCustomer, Number: "N1", AmountFen: 500, Products: []int64{productID}, At: noon}},
		event.OrderRefunded{OrderFact: event.OrderFact{OrderID: ownOrder, CustomerID: ownCustomer, Number: "N1", AmountFen: 100, At: noon}, RefundID: ownOrder, Refund: "R1"},
	}
}

// holds tells whether a role has a permission, by the one table.
func holds(role, permission string) bool {
	for _, r := range staff.Roles() {
		if r.Name == role {
			return permission == "" || slices.Contains(r.Permissions, permission)
		}
	}
	return permission == ""
}
