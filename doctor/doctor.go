// Package doctor looks at a deployment from the outside in and says, in one sentence per failure,
// what to do.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"
	"gorm.io/gorm"

	"zhiyin/config"
	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/wecom"
)

// Deps is what the doctor looks at. DB, Redis, Accounts and Gateway may be missing when they could
// not even be opened; their error stands in the matching field.
type Deps struct {
	Config   config.Config
	DB       *gorm.DB
	DBErr    error
	Redis    redis.UniversalClient
	Accounts *account.Service
	Gateway  *wecom.Gateway
	Now      func() time.Time
}

// finding is one line of the report.
type finding struct {
	what   string
	err    error  // nil: in order
	remedy string // what to do about it
}

// ErrUnwell says that at least one line of the report is no good.
var ErrUnwell = errors.New("not everything is in order")

// Examine writes the report, a line per check, and returns ErrUnwell when something must be done.
// It changes nothing and may run beside a serving process.
func Examine(ctx context.Context, d Deps, out io.Writer) error {
	unwell := false
	say := func(list ...finding) {
		for _, f := range list {
			if f.err == nil {
				fmt.Fprintf(out, "ok    %s\n", f.what)
				continue
			}
			unwell = true
			fmt.Fprintf(out, "FAIL  %s: %v\n      → %s\n", f.what, f.err, f.remedy)
		}
	}
	say(finding{what: "configuration (mode " + d.Config.Mode + ")"})
	say(d.database(ctx)...)
	say(d.redis(ctx))
	say(d.clock(ctx)...)
	say(d.platform(ctx)...)
	if unwell {
		return ErrUnwell
	}
	return nil
}

// within bounds one check.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 15*time.Second)
}

func (d Deps) database(ctx context.Context) []finding {
	const reach = "start the database, or correct database.dsn (ZHIYIN_DATABASE__DSN): host, port, user, password and database name"
	if d.DBErr != nil {
		return []finding{{"database", d.DBErr, reach}}
	}
	ctx, cancel := within(ctx)
	defer cancel()
	pool, err := d.DB.DB()
	if err == nil {
		err = pool.PingContext(ctx)
	}
	if err != nil {
		return []finding{{"database", err, reach}}
	}
	pending, err := model.Pending(ctx, d.DB)
	if err == nil && pending > 0 {
		err = fmt.Errorf("%d migrations are missing", pending)
	}
	return []finding{{what: "database"}, {"database schema", err, "run: zhiyin migrate"}}
}

func (d Deps) redis(ctx context.Context) finding {
	if d.Config.Redis.Addr == config.Embedded {
		return finding{what: "Redis (embedded)"}
	}
	ctx, cancel := within(ctx)
	defer cancel()
	return finding{"Redis", d.Redis.Ping(ctx).Err(), "start Redis, or correct redis.addr and redis.password; until then each process keeps tokens and limits to itself"}
}

// tolerance is how far clocks may be apart before callbacks and tokens suffer.
const tolerance = 30 * time.Second

// clock compares this machine's time with the database's and the platform's.
func (d Deps) clock(ctx context.Context) []finding {
	const remedy = "set this machine's clock by NTP (timedatectl set-ntp true)"
	ctx, cancel := within(ctx)
	defer cancel()
	var list []finding
	if d.DBErr == nil && !model.IsSQLite(d.DB) {
		at, err := model.DatabaseTime(ctx, d.DB)
		list = append(list, finding{"clock against the database", apart(d.Now(), at, err), remedy + " on both machines"})
	}
	at, err := platformTime(ctx, d.Config.Platform.WeComURL)
	if err != nil {
		return append(list, finding{"platform reachable at " + d.Config.Platform.WeComURL, err,
			"allow outgoing https to the platform in the firewall, and check DNS"})
	}
	return append(list, finding{what: "platform reachable at " + d.Config.Platform.WeComURL}, finding{"clock against the platform", apart(d.Now(), at, nil), remedy})
}

func apart(here, there time.Time, err error) error {
	if err != nil {
		return err
	}
	if off := here.Sub(there).Round(time.Second); off.Abs() > tolerance {
		return fmt.Errorf("this machine is %s off", off)
	}
	return nil
}

func platformTime(ctx context.Context, base string) (time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/cgi-bin/get_api_domain_ip", nil)
	if err != nil {
		return time.Time{}, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	defer res.Body.Close()
	return http.ParseTime(res.Header.Get("Date"))
}
