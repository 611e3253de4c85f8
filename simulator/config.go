package simulator

import (
	"encoding/json"
	"maps"
)

// Config holds every number that the platform does not promise, or that a test may
// want otherwise. GET and PUT /_sim/config read and change it; PUT keeps what it does not name.
type Config struct {
	LatencyMS            int                 `json:"latency_ms"`               // of every platform answer
	Strict               bool                `json:"strict"`                   // reject unknown fields and over-long values
	TokenSeconds         int                 `json:"token_seconds"`            // life of access tokens
	TokenFullLife        bool                `json:"token_full_life"`          // say the full life also for a token handed out again
	TicketSeconds        int                 `json:"ticket_seconds"`           // life of JS tickets
	BadTokenCallsPerHour int                 `json:"bad_token_calls_per_hour"` // more freeze gettoken for an hour
	CodeSeconds          int                 `json:"code_seconds"`             // OAuth, login and phone codes
	WelcomeSeconds       int                 `json:"welcome_seconds"`
	WelcomeSendingMS     int                 `json:"welcome_sending_ms"` // how long a second sender hears 41096 before 41051
	MediaSeconds         int                 `json:"media_seconds"`
	AbsentListsPercent   int                 `json:"absent_lists_percent"` // share of answers whose empty lists are left out
	NoCustomersErrcode   int                 `json:"no_customers_errcode"` // externalcontact/list of a member without customers; 0 = an empty list
	TagOwnerOnly         bool                `json:"tag_owner_only"`       // apps edit and delete only their own tags
	MaxTags              int                 `json:"max_tags"`
	MaxContactWays       int                 `json:"max_contact_ways"`
	TempWaysPerDay       int                 `json:"temp_ways_per_day"`
	MembersPerWay        int                 `json:"members_per_way"`
	GroupMax             int                 `json:"group_max"`
	MessagesPerMinute    int                 `json:"messages_per_minute"` // app messages to one member; more are dropped without a word
	MessagesPerHour      int                 `json:"messages_per_hour"`
	MassDispatchMS       int                 `json:"mass_dispatch_ms"`     // so long a new mass message answers 41063 and is in no list
	MassConfirmSeconds   int                 `json:"mass_confirm_seconds"` // members confirm by themselves after so long; 0 = by act only
	MassRemindersPerDay  int                 `json:"mass_reminders_per_day"`
	MassRule             string              `json:"mass_rule"` // what a customer may receive: "month" (its days), "week" (7), "day" (1)
	MomentJobMS          int                 `json:"moment_job_ms"`
	MomentsPerMonth      int                 `json:"moments_per_month"` // of one corp that a customer is shown
	KfWindowSeconds      int                 `json:"kf_window_seconds"`
	KfPerMessage         int                 `json:"kf_per_message"`    // sends for each message of the customer
	KfRepeatErrcode      int                 `json:"kf_repeat_errcode"` // of a msgid sent before; 0 = ok, and nothing is sent
	StableForcePerDay    int                 `json:"stable_force_per_day"`
	LoginsPerMinute      int                 `json:"logins_per_minute"` // sns/jscode2session per user
	MediaWait            bool                `json:"media_wait"`        // pictures are judged by the act media_verdict alone
	LedgerMax            int                 `json:"ledger_max"`        // entries kept; counts go on
	Limits               map[string][]window `json:"limits"`            // by API pattern; replaces the built-in ones of that API; "*" is for all others
	Concurrency          map[string]int      `json:"concurrency"`       // calls at once per corp and API pattern before 45033
	Callback             callbackConfig      `json:"callback"`
}

type callbackConfig struct {
	TimeoutMS      int   `json:"timeout_ms"`
	TriesMS        []int `json:"tries_ms"` // one try each, this long after the first
	Concurrency    int   `json:"concurrency"`
	FreshTimestamp bool  `json:"fresh_timestamp"` // a retry gets a new timestamp; nonce and random bytes are always new
	LogMax         int   `json:"log_max"`
}

func defaultConfig() Config {
	return Config{
		TokenSeconds: 7200, TicketSeconds: 7200, BadTokenCallsPerHour: 2000,
		CodeSeconds: 300, WelcomeSeconds: 20, MediaSeconds: 3 * 86400,
		AbsentListsPercent: 10, NoCustomersErrcode: 84061, TagOwnerOnly: true,
		MaxTags: 3000, MaxContactWays: 500_000, TempWaysPerDay: 100_000, MembersPerWay: 100, GroupMax: 500,
		MessagesPerMinute: 30, MessagesPerHour: 1000, StableForcePerDay: 20, LoginsPerMinute: 100,
		MassDispatchMS: 2000, MassRemindersPerDay: 3, MassRule: "month", MomentJobMS: 2000, MomentsPerMonth: 4,
		KfWindowSeconds: 2 * 86400, KfPerMessage: 5,
		LedgerMax: 200_000,
		Limits: map[string][]window{
			"*": {{Per: "corp", Seconds: 60, Max: 10_000, Block: 60}, {Per: "corp", Seconds: 3600, Max: 150_000, Block: 3600}},
		},
		Concurrency: map[string]int{
			"externalcontact/list": 400, "externalcontact/get": 400, "externalcontact/batch/get_by_user": 400,
			"externalcontact/groupchat/*": 400, "user/list": 400, "gettoken": 400,
		},
		Callback: callbackConfig{TimeoutMS: 5000, TriesMS: []int{0, 1000, 3000}, Concurrency: 64, FreshTimestamp: true, LogMax: 20_000},
	}
}

func (s *Simulator) controlConfigGet(*controlCall) (any, error) { return s.world.Config, nil }

func (s *Simulator) controlConfigPut(c *controlCall) (any, error) {
	next := s.world.Config
	next.Limits = maps.Clone(next.Limits)
	next.Concurrency = maps.Clone(next.Concurrency)
	next.Callback.TriesMS = append([]int(nil), next.Callback.TriesMS...)
	if err := c.decode(&next); err != nil {
		return nil, err
	}
	if next.Callback.Concurrency < 1 || len(next.Callback.TriesMS) == 0 || next.TokenSeconds < 1 || next.LedgerMax < 1 {
		return nil, refuse("callback.concurrency, callback.tries_ms, token_seconds and ledger_max must not be empty")
	}
	s.world.Config = next
	s.courier.configure(next.Callback)
	return next, nil
}

// match reports whether name fits a pattern in which * stands for any run of characters.
func match(pattern, name string) bool {
	if pattern == "" {
		return name == ""
	}
	if pattern[0] == '*' {
		for i := 0; i <= len(name); i++ {
			if match(pattern[1:], name[i:]) {
				return true
			}
		}
		return false
	}
	return name != "" && pattern[0] == name[0] && match(pattern[1:], name[1:])
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only our own types come here
	}
	return b
}
