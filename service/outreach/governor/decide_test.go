package governor

import (
	"testing"
	"time"

	"zhiyin/service/privacy"
)

// noon of a Sunday in Shanghai.
var noon = time.Date(2026, 11, 29, 4, 0, 0, 0, time.UTC)

// sentAgo is a book with a message of a channel about a topic for each of the times before noon.
func sentAgo(channel, topic string, ago ...time.Duration) []mark {
	var marks []mark
	for i, d := range ago {
		marks = addMark(marks, mark{at: noon.Add(-d).UnixMilli(), ref: int64(1000 + i), channel: channel, topic: topic})
	}
	return marks
}

func TestDecide(t *testing.T) {
	const hour = time.Hour
	day := []Cap{{Window: WindowDay, Most: 2}}
	night := []Quiet{{From: 22 * 60, To: 8 * 60}}
	hash := [32]byte{1, 2, 3}
	said := []mark{{at: noon.Add(-47 * hour).UnixMilli(), ref: 5, channel: "sms", content: contentOf(hash)}}
	tomorrow := time.Date(2026, 11, 29, 16, 0, 0, 0, time.UTC) // midnight in Shanghai
	refuses := func(purpose string) *privacy.Wish {
		return &privacy.Wish{Refusals: map[string]string{purpose: privacy.Refused}}
	}
	chose := func(channel, choice string) *privacy.Wish {
		return &privacy.Wish{Choices: map[string]string{channel: choice}}
	}
	allow := Ruling{Verdict: Allow}
	for _, tt := range []struct {
		name    string
		setting Setting
		person  person
		ask     Ask
		at      time.Time // zero: noon
		want    Ruling
	}{
		{"nothing in the way", Setting{Caps: day, Quiet: night}, person{}, Ask{}, noon, allow},
		{"expires exactly now", Setting{}, person{}, Ask{ExpiresAt: noon}, noon, refused(ReasonExpired)},

		{"refuses marketing", Setting{}, person{wish: refuses(privacy.Marketing)}, Ask{Purpose: privacy.Marketing}, noon, refused(ReasonRefused)},
		{"refuses marketing, asked for nothing that needs consent", Setting{}, person{wish: refuses(privacy.Marketing)}, Ask{}, noon, allow},
		{"transactional, but marketing all the same", Setting{}, person{wish: refuses(privacy.Marketing)}, Ask{Purpose: privacy.Marketing, Transactional: true}, noon, refused(ReasonRefused)},
		{"refuses targeting", Setting{}, person{wish: refuses(privacy.Targeting)}, Ask{Targeted: true}, noon, refused(ReasonNoTargeting)},
		{"refuses targeting, not targeted", Setting{}, person{wish: refuses(privacy.Targeting)}, Ask{}, noon, allow},
		{"child", Setting{}, person{wish: &privacy.Wish{Refusals: map[string]string{privacy.Marketing: privacy.Minor}}}, Ask{Purpose: privacy.Marketing}, noon, refused(ReasonMinor)},
		{"do not contact at all", Setting{}, person{wish: chose("", privacy.None)}, Ask{}, noon, refused(ReasonDoNotContact)},
		{"do not contact, transactional", Setting{}, person{wish: chose("", privacy.None)}, Ask{Transactional: true}, noon, refused(ReasonDoNotContact)},
		{"do not contact by this channel", Setting{}, person{wish: chose("sms", privacy.None)}, Ask{}, noon, refused(ReasonDoNotContact)},
		{"do not contact by another channel", Setting{}, person{wish: chose("email", privacy.None)}, Ask{}, noon, allow},
		{"do not contact about this topic", Setting{}, person{wish: chose(privacy.AboutTopic("news"), privacy.None)}, Ask{Topic: "news"}, noon, refused(ReasonDoNotContact)},
		{"do not contact about another topic", Setting{}, person{wish: chose(privacy.AboutTopic("news"), privacy.None)}, Ask{Topic: "care"}, noon, allow},
		{"erasing", Setting{}, person{wish: &privacy.Wish{Erasing: true}}, Ask{Transactional: true}, noon, refused(ReasonErasing)},
		{"gone", Setting{}, person{wish: &privacy.Wish{Gone: true}}, Ask{Transactional: true}, noon, refused(ReasonGone)},

		{"one below the cap of a day", Setting{Caps: day}, person{marks: sentAgo("sms", "", hour)}, Ask{}, noon, allow},
		{"cap of a day reached", Setting{Caps: day}, person{marks: sentAgo("email", "news", hour, 2*hour)}, Ask{}, noon, Ruling{Later, ReasonCap, tomorrow}},
		{"what was sent before midnight does not count", Setting{Caps: day}, person{marks: sentAgo("sms", "", hour, 12*hour+time.Millisecond)}, Ask{}, noon, allow},
		{"what was sent at midnight counts", Setting{Caps: day}, person{marks: sentAgo("sms", "", hour, 12*hour)}, Ask{}, noon, Ruling{Later, ReasonCap, tomorrow}},
		{"another's clock is ahead", Setting{Caps: day}, person{marks: sentAgo("sms", "", -time.Second, -2*time.Second)}, Ask{}, noon, Ruling{Later, ReasonCap, tomorrow}},
		{"the day is that of the customer", Setting{Caps: day}, person{marks: sentAgo("sms", "", hour, 11*hour), zone: zone(t, "America/New_York")}, Ask{}, noon, Ruling{Later, ReasonCap, time.Date(2026, 11, 29, 5, 0, 0, 0, time.UTC)}},
		{"cap reached, transactional", Setting{Caps: day}, person{marks: sentAgo("sms", "", hour, 2*hour)}, Ask{Transactional: true}, noon, allow},
		{"cap reached, let out before", Setting{Caps: day}, person{marks: sentAgo("sms", "", hour, 2*hour)}, Ask{Ref: 1001}, noon, allow},
		{"cap reached, and tomorrow is too late", Setting{Caps: day}, person{marks: sentAgo("sms", "", hour, 2*hour)}, Ask{ExpiresAt: tomorrow}, noon, refused(ReasonCap)},
		{"cap reached, and tomorrow is just in time", Setting{Caps: day}, person{marks: sentAgo("sms", "", hour, 2*hour)}, Ask{ExpiresAt: tomorrow.Add(1)}, noon, Ruling{Later, ReasonCap, tomorrow}},
		{"cap of another channel", Setting{Caps: []Cap{{Channel: "email", Window: WindowDay, Most: 1}}}, person{marks: sentAgo("email", "", hour)}, Ask{}, noon, allow},
		{"cap of this channel counts only it", Setting{Caps: []Cap{{Channel: "sms", Window: WindowDay, Most: 1}}}, person{marks: sentAgo("email", "", hour)}, Ask{}, noon, allow},
		{"cap of a topic", Setting{Caps: []Cap{{Topic: "news", Window: WindowDay, Most: 1}}}, person{marks: sentAgo("email", "news", hour)}, Ask{Topic: "news"}, noon, Ruling{Later, ReasonCap, tomorrow}},
		{"cap of another topic", Setting{Caps: []Cap{{Topic: "care", Window: WindowDay, Most: 1}}}, person{marks: sentAgo("sms", "news", hour)}, Ask{Topic: "news"}, noon, allow},
		{"silent channel", Setting{Caps: day, Quiet: night, Silent: []string{"sms"}}, person{marks: sentAgo("email", "", hour, 2*hour)}, Ask{}, noon.Add(11 * hour), allow},
		{"what a silent channel brought does not count", Setting{Caps: day, Silent: []string{"inbox"}}, person{marks: sentAgo("inbox", "", hour, 2*hour)}, Ask{}, noon, allow},
		{"rolling window full", Setting{Caps: []Cap{{Window: WindowRolling, Hours: 24, Most: 2}}}, person{marks: sentAgo("sms", "", 23*hour, 3*hour)}, Ask{}, noon, Ruling{Later, ReasonCap, noon.Add(hour)}},
		{"rolling window ends exactly now", Setting{Caps: []Cap{{Window: WindowRolling, Hours: 24, Most: 2}}}, person{marks: sentAgo("sms", "", 24*hour, 3*hour)}, Ask{}, noon, allow},
		{"rolling window overfull: two have to be forgotten", Setting{Caps: []Cap{{Window: WindowRolling, Hours: 24, Most: 1}}}, person{marks: sentAgo("sms", "", 20*hour, 10*hour)}, Ask{}, noon, Ruling{Later, ReasonCap, noon.Add(14 * hour)}},
		{"month", Setting{Caps: []Cap{{Window: WindowMonth, Most: 1}}}, person{marks: sentAgo("sms", "", 28*24*hour)}, Ask{}, noon, Ruling{Later, ReasonCap, time.Date(2026, 11, 30, 16, 0, 0, 0, time.UTC)}},

		{"fewer: half of four", Setting{Caps: []Cap{{Window: WindowDay, Most: 4}}}, person{wish: chose("", privacy.Fewer), marks: sentAgo("sms", "", hour, 2*hour)}, Ask{}, noon, Ruling{Later, ReasonCap, tomorrow}},
		{"fewer: half of three is one", Setting{Caps: []Cap{{Window: WindowDay, Most: 3}}}, person{wish: chose("", privacy.Fewer), marks: sentAgo("sms", "", hour)}, Ask{}, noon, Ruling{Later, ReasonCap, tomorrow}},
		{"fewer: half of one is one in two days", Setting{Caps: []Cap{{Window: WindowDay, Most: 1}}}, person{wish: chose("", privacy.Fewer), marks: sentAgo("sms", "", 20*hour)}, Ask{}, noon, Ruling{Later, ReasonCap, tomorrow}},
		{"fewer: one in two days, sent today", Setting{Caps: []Cap{{Window: WindowDay, Most: 1}}}, person{wish: chose("", privacy.Fewer), marks: sentAgo("sms", "", hour)}, Ask{}, noon, Ruling{Later, ReasonCap, tomorrow.Add(24 * hour)}},
		{"fewer by this channel", Setting{Caps: day}, person{wish: chose("sms", privacy.Fewer), marks: sentAgo("email", "", hour)}, Ask{}, noon, Ruling{Later, ReasonCap, tomorrow}},
		{"fewer about another topic", Setting{Caps: day}, person{wish: chose(privacy.AboutTopic("news"), privacy.Fewer), marks: sentAgo("email", "", hour)}, Ask{Topic: "care"}, noon, allow},

		{"quiet", Setting{Quiet: night}, person{}, Ask{}, noon.Add(11 * hour), Ruling{Later, ReasonQuiet, noon.Add(20 * hour)}},
		{"quiet, transactional", Setting{Quiet: night}, person{}, Ask{Transactional: true}, noon.Add(11 * hour), allow},
		{"quiet, dropped", Setting{Quiet: []Quiet{{From: 22 * 60, To: 8 * 60, Drop: true}}}, person{}, Ask{}, noon.Add(11 * hour), refused(ReasonQuiet)},
		{"quiet where the customer lives", Setting{Quiet: night}, person{zone: zone(t, "America/New_York")}, Ask{}, noon, Ruling{Later, ReasonQuiet, noon.Add(9 * hour)}},
		{"hours of this channel win", Setting{Quiet: append([]Quiet{{Channel: "sms", From: 12 * 60, To: 13 * 60}}, night...)}, person{}, Ask{}, noon.Add(11 * hour), allow},
		{"hours of this channel", Setting{Quiet: append(night, Quiet{Channel: "sms", From: 12 * 60, To: 13 * 60})}, person{}, Ask{}, noon, Ruling{Later, ReasonQuiet, noon.Add(hour)}},
		{"the slot after the cap is not in quiet hours", Setting{Caps: day, Quiet: night}, person{marks: sentAgo("sms", "", hour, 2*hour)}, Ask{}, noon, Ruling{Later, ReasonCap, noon.Add(20 * hour)}},
		{"the slot after the cap is where dropping begins", Setting{Caps: day, Quiet: []Quiet{{From: 22 * 60, To: 8 * 60, Drop: true}}}, person{marks: sentAgo("sms", "", hour, 2*hour)}, Ask{}, noon, Ruling{Later, ReasonCap, noon.Add(20 * hour)}},

		{"said two days ago", Setting{RepeatDays: 2}, person{marks: said}, Ask{Content: hash}, noon, refused(ReasonDuplicate)},
		{"said longer ago", Setting{RepeatDays: 1}, person{marks: said}, Ask{Content: hash}, noon, allow},
		{"other words", Setting{RepeatDays: 2}, person{marks: said}, Ask{Content: [32]byte{9}}, noon, allow},
		{"not compared", Setting{RepeatDays: 2}, person{marks: said}, Ask{}, noon, allow},

		{"held out", Setting{Holdout: Holdout{Share: 10_000}}, person{}, Ask{Source: "campaign"}, noon, refused(ReasonHoldout)},
		{"held out, exempt", Setting{Holdout: Holdout{Share: 10_000, Exempt: []string{"sidebar"}}}, person{}, Ask{Source: "sidebar"}, noon, allow},
		{"held out, transactional", Setting{Holdout: Holdout{Share: 10_000}}, person{}, Ask{Transactional: true}, noon, allow},

		{"quota used up, by others", Setting{}, person{quotas: map[string]Quota{"sms": {Limit: 2, Used: 2, Since: noon.Add(-hour), Until: noon.Add(hour)}}}, Ask{}, noon, Ruling{Later, ReasonQuota, noon.Add(hour)}},
		{"quota used up, by us", Setting{}, person{marks: sentAgo("sms", "", 0, time.Minute), quotas: map[string]Quota{"sms": {Limit: 2, Since: noon.Add(-hour), Until: noon.Add(hour)}}}, Ask{}, noon, Ruling{Later, ReasonQuota, noon.Add(hour)}},
		{"quota of another channel", Setting{}, person{quotas: map[string]Quota{"email": {Until: noon.Add(hour)}}}, Ask{}, noon, allow},
		{"one left of the quota", Setting{}, person{quotas: map[string]Quota{"sms": {Limit: 2, Used: 1, Until: noon.Add(hour)}}}, Ask{}, noon, allow},

		{"something more important is due today", Setting{Caps: []Cap{{Window: WindowDay, Most: 1}}, AheadHours: 24}, person{rivals: []rival{{"email", "", 9, noon.Add(2 * hour)}}}, Ask{Priority: 1}, noon, Ruling{Later, ReasonPriority, noon.Add(2*hour + time.Minute)}},
		{"something as important is due today", Setting{Caps: []Cap{{Window: WindowDay, Most: 1}}, AheadHours: 24}, person{rivals: []rival{{"email", "", 1, noon.Add(2 * hour)}}}, Ask{Priority: 1}, noon, allow},
		{"room for both", Setting{Caps: day, AheadHours: 24}, person{rivals: []rival{{"email", "", 9, noon.Add(2 * hour)}}}, Ask{Priority: 1}, noon, allow},
		{"more important, but tomorrow", Setting{Caps: []Cap{{Window: WindowDay, Most: 1}}, AheadHours: 24}, person{rivals: []rival{{"email", "", 9, tomorrow}}}, Ask{Priority: 1}, noon, allow},
		{"more important, but too far ahead", Setting{Caps: []Cap{{Window: WindowMonth, Most: 1}}, AheadHours: 1}, person{rivals: []rival{{"email", "", 9, noon.Add(2 * hour)}}}, Ask{Priority: 1}, noon, allow},
		{"more important and silent", Setting{Caps: []Cap{{Window: WindowDay, Most: 1}}, AheadHours: 24, Silent: []string{"inbox"}}, person{rivals: []rival{{"inbox", "", 9, noon.Add(2 * hour)}}}, Ask{Priority: 1}, noon, allow},
		{"more important, and this one loses its sense before", Setting{Caps: []Cap{{Window: WindowDay, Most: 1}}, AheadHours: 24}, person{rivals: []rival{{"email", "", 9, noon.Add(2 * hour)}}}, Ask{Priority: 1, ExpiresAt: noon.Add(hour)}, noon, refused(ReasonPriority)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRules(&tt.setting, zone(t, "Asia/Shanghai"), map[string]bool{"sms": true})
			a := tt.ask
			a.CustomerID, a.Channel = 7, "sms"
			if got := r.decide(&tt.person, &a, tt.at); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestGroupsHaveQuietHours: what goes to no single customer obeys the hours of the business, and nothing else.
func TestGroupsHaveQuietHours(t *testing.T) {
	s := &Setting{Caps: []Cap{{Window: WindowDay, Most: 1}}, Quiet: []Quiet{{From: 22 * 60, To: 8 * 60}}, Holdout: Holdout{Share: 10_000}}
	r := newRules(s, zone(t, "Asia/Shanghai"), nil)
	for _, tt := range []struct {
		at   time.Time
		want Ruling
	}{{noon, Ruling{Verdict: Allow}}, {noon.Add(10 * time.Hour), Ruling{Later, ReasonQuiet, noon.Add(20 * time.Hour)}}} {
		if got := r.decide(&person{}, &Ask{Channel: "group", Source: "campaign"}, tt.at); got != tt.want {
			t.Errorf("at %s: got %+v, want %+v", tt.at, got, tt.want)
		}
	}
}

// TestBucket: places are even, stay, and differ from one name to another.
func TestBucket(t *testing.T) {
	const people = 100_000
	var tenths [10]int
	both := 0
	for id := int64(1); id <= people; id++ {
		b := Bucket("holdout/0", id)
		if b < 0 || b >= wholeShare || b != Bucket("holdout/0", id) {
			t.Fatalf("customer %d is at %d", id, b)
		}
		tenths[b/1000]++
		if b < 1000 && Bucket("holdout/1", id) < 1000 {
			both++
		}
	}
	for i, n := range tenths {
		if n < people/10*95/100 || n > people/10*105/100 {
			t.Errorf("tenth %d has %d of %d", i, n, people)
		}
	}
	if both < people/100*8/10 || both > people/100*12/10 {
		t.Errorf("%d are in two groups of a tenth each, want about %d", both, people/100)
	}
}

// TestBook: a book reads back as it was written, without what is old and without what nobody can read.
func TestBook(t *testing.T) {
	marks := []mark{
		{at: noon.Add(-48 * time.Hour).UnixMilli(), ref: 1, channel: "sms"},
		{at: noon.Add(-time.Hour).UnixMilli(), ref: 1 << 40, channel: "wecom_mass", topic: "promotion", content: 1<<64 - 1},
		{at: noon.UnixMilli(), ref: 3, channel: "email", topic: "news"},
	}
	text := writeMarks(marks, noon.Add(-24*time.Hour))
	got := readMarks("rubbish\n" + text + "\n\n-")
	if len(got) != 2 || got[0] != marks[1] || got[1] != marks[2] {
		t.Errorf("got %+v from %q", got, text)
	}
	joined := readMarks(text + "\n" + writeMarks(marks[:1], time.Time{}))
	if len(joined) != 3 || joined[0] != marks[0] {
		t.Errorf("two books as one: %+v", joined)
	}
}
