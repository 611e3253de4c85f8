// Package config holds the one configuration: defaults, then a YAML file, then the environment.
// Every key is documented on its field; config.example.yaml is generated from here.
package config

import "time"

//go:generate go run ./example ../config.example.yaml

// Modes of operation.
const (
	Production  = "production"
	Development = "development"
	Demo        = "demo"
)

// Embedded, as redis.addr, means an in-process Redis that forgets everything at the end.
const Embedded = "embedded"

// Config is everything that can be set. The tag doc is what the example file says of a key; secret
// marks keys that may come only from the environment or a file of their own, never from YAML.
type Config struct {
	Mode      string `koanf:"mode" doc:"production, development or demo. production refuses the simulator, the sample secrets and plain-HTTP public addresses."`
	Zone      string `koanf:"zone" doc:"Time zone of the business day: shifts, daily limits, statistics. Stored times are UTC whatever this says."`
	SecretKey string `koanf:"secret_key" secret:"true" doc:"32 random bytes in base64 (make one: openssl rand -base64 32). Credentials at rest, public ids and hashed look-ups are derived from it; with another key none of them can be read."`
	// SecretKeyBefore is set while the secret key is being changed.
	SecretKeyBefore string `koanf:"secret_key_before" secret:"true" doc:"The secret_key before this one, while it is being changed: until zhiyin admin keys rewrap has run on it."`

	Server   Server   `koanf:"server"`
	Database Database `koanf:"database"`
	Redis    Redis    `koanf:"redis"`
	Platform Platform `koanf:"platform"`
	Callback Callback `koanf:"callback"`
	Work     Work     `koanf:"work"`
	Sync     Sync     `koanf:"sync"`
	Audience Audience `koanf:"audience"`
	Campaign Campaign `koanf:"campaign"`
	Export   Export   `koanf:"export"`
	SignIn   SignIn   `koanf:"sign_in"`
	Sidebar  Sidebar  `koanf:"sidebar"`
	Webhook  Webhook  `koanf:"webhook"`
	Log      Log      `koanf:"log"`
}

// Server is the HTTP side.
type Server struct {
	Listen         string        `koanf:"listen" doc:"Address and port to listen on."`
	PublicURL      string        `koanf:"public_url" doc:"Address under which people and the platform reach this server; https in production."`
	MetricsListen  string        `koanf:"metrics_listen" doc:"Address for /metrics, kept apart from the public one; empty serves no metrics."`
	TrustedProxies []string      `koanf:"trusted_proxies" doc:"Addresses or networks of reverse proxies whose X-Forwarded-For is believed."`
	StopTimeout    time.Duration `koanf:"stop_timeout" doc:"How long a stop may take to finish what is in hand."`
}

// Database is the store of record.
type Database struct {
	DSN              string        `koanf:"dsn" secret:"true" doc:"sqlite:PATH, or mysql:// followed by user:password@tcp(host:3306)/database."`
	MaxConns         int           `koanf:"max_conns" doc:"Most connections at once."`
	StatementTimeout time.Duration `koanf:"statement_timeout" doc:"A statement that runs longer is ended."`
	MigrateOnStart   bool          `koanf:"migrate_on_start" doc:"Bring the schema up to date when serve starts. Off, serve refuses to start on an old schema; run zhiyin migrate first."`
}

// Redis holds only what may be lost.
type Redis struct {
	Addr      string `koanf:"addr" doc:"host:port, or embedded for an in-process one (single replica only)."`
	Username  string `koanf:"username" doc:"Redis user, when it has users."`
	Password  string `koanf:"password" secret:"true" doc:"Redis password."`
	DB        int    `koanf:"db" doc:"Number of the Redis database."`
	TLS       bool   `koanf:"tls" doc:"Speak TLS to Redis."`
	KeyPrefix string `koanf:"key_prefix" doc:"Begins every key, so that several deployments can share a Redis."`
}

// Platform says where WeCom and the mini-program platform are.
type Platform struct {
	WeComURL    string `koanf:"wecom_url" doc:"Base address of the WeCom API."`
	WeixinURL   string `koanf:"weixin_url" doc:"Base address of the mini-program API."`
	OpenURL     string `koanf:"open_url" doc:"Base address of the pages on which staff sign in by WeCom."`
	MaxInFlight int    `koanf:"max_in_flight" doc:"Most requests at once per account."`
}

// Callback is what the platform sends us.
type Callback struct {
	MaxAge   time.Duration `koanf:"max_age" doc:"A correctly signed callback older than this is kept but sets off nothing that happens only once."`
	MaxBody  int           `koanf:"max_body" doc:"Largest body in bytes."`
	Deadline time.Duration `koanf:"deadline" doc:"A callback that is not stored by then is answered 503, so that the platform sends it again (it waits 5 s)."`
	IPCheck  string        `koanf:"ip_check" doc:"Hold the sender against the platform's address list: off, log or enforce."`
}

// Work is the durable queue.
type Work struct {
	Concurrency int           `koanf:"concurrency" doc:"How many works run at once in this process."`
	Poll        time.Duration `koanf:"poll" doc:"How often to look for work that nobody signalled."`
	Lease       time.Duration `koanf:"lease" doc:"How long a work belongs to a worker that gives no sign of life."`
	KeepDone    time.Duration `koanf:"keep_done" doc:"How long finished works are kept to be looked at."`
}

// Sync is the reconciliation with the platform.
type Sync struct {
	Schedule    string `koanf:"schedule" doc:"When every account is synchronised in full (cron, business zone)."`
	Concurrency int    `koanf:"concurrency" doc:"How many staff members' customers are read at once."`
}

// Audience is the index in memory that answers rules of segments.
type Audience struct {
	Index bool `koanf:"index" doc:"Keep an index of all customers in this process, about 300 MB for a million of them, and ask it instead of the database who fits a rule. Off, every answer comes from SQL."`
}

// Campaign is what goes out to many.
type Campaign struct {
	ApprovalAbove int64 `koanf:"approval_above" doc:"From how many people on a campaign needs the approval of a second person; 0: always."`
}

// Export is what is taken out.
type Export struct {
	ApprovalAbove int64 `koanf:"approval_above" doc:"From more rows than this on an export needs the approval of a second person; 0: the default."`
}

// SignIn is the console's door.
type SignIn struct {
	IdleTimeout     time.Duration `koanf:"idle_timeout" doc:"A session unused for this long ends."`
	AbsoluteTimeout time.Duration `koanf:"absolute_timeout" doc:"A session ends after this long however much it is used."`
}

// Sidebar is the page beside a chat in WeCom.
type Sidebar struct {
	PageURL string   `koanf:"page_url" doc:"Address of the sidebar's page, which you build on the sidebar face, and where staff come back to after signing in; empty: /sidebar/ below server.public_url, where your proxy serves it. Its host must be a trusted domain of the app."`
	Origins []string `koanf:"origins" doc:"Origins, such as https://scrm.example.com, whose pages may be signed for the JS-SDK; empty: that of the sidebar's page."`
}

// Webhook is what we send to other systems.
type Webhook struct {
	AllowPrivate bool `koanf:"allow_private" doc:"Let webhooks lead to private networks, any port, and without TLS. Off, only public addresses are reached."`
}

// Log says how much is said, and how.
type Log struct {
	Level  string `koanf:"level" doc:"debug, info, warn or error."`
	Format string `koanf:"format" doc:"text or json."`
}

// Default is the configuration without file and environment: the embedded single-machine one.
func Default() Config {
	return Config{
		Mode: Development,
		Zone: "Asia/Shanghai",
		Server: Server{
			Listen:        "127.0.0.1:8080",
			PublicURL:     "http://127.0.0.1:8080",
			MetricsListen: "127.0.0.1:9090",
			StopTimeout:   30 * time.Second,
		},
		Database: Database{DSN: "sqlite:data/zhiyin.db", MaxConns: 20, StatementTimeout: 5 * time.Second, MigrateOnStart: true},
		Redis:    Redis{Addr: Embedded, KeyPrefix: "zhiyin:"},
		Platform: Platform{WeComURL: "https://qyapi.weixin.qq.com", WeixinURL: "https://api.weixin.qq.com", OpenURL: "https://open.weixin.qq.com", MaxInFlight: 32},
		Callback: Callback{MaxAge: 10 * time.Minute, MaxBody: 64 << 10, Deadline: 3 * time.Second, IPCheck: "log"},
		Work:     Work{Concurrency: 32, Poll: time.Second, Lease: 60 * time.Second, KeepDone: 72 * time.Hour},
		Sync:     Sync{Schedule: "17 3 * * *", Concurrency: 8},
		Audience: Audience{Index: true},
		Campaign: Campaign{ApprovalAbove: 1000},
		Export:   Export{ApprovalAbove: 10_000},
		SignIn:   SignIn{IdleTimeout: 2 * time.Hour, AbsoluteTimeout: 7 * 24 * time.Hour},
		Log:      Log{Level: "info", Format: "text"},
	}
}
