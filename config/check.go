package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// check refuses what can't work or must not be used, all of it at once, each with what to do.
func (c Config) check() error {
	return errors.Join(
		oneOf("mode", c.Mode, Production, Development, Demo),
		c.checkZone(), c.checkSecretKey(), c.checkServer(), c.checkStores(), c.checkPlatform(), c.checkSidebar(), c.checkBounds(),
		oneOf("callback.ip_check", c.Callback.IPCheck, "off", "log", "enforce"),
		oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error"),
		oneOf("log.format", c.Log.Format, "text", "json"),
	)
}

func oneOf(key, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fmt.Errorf("%s is %q; set it to one of: %s", key, value, strings.Join(allowed, ", "))
}

func (c Config) checkZone() error {
	if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "" {
		return fmt.Errorf("zone is %q, which is no time zone; set it to a name such as Asia/Shanghai", c.Zone)
	}
	return nil
}

// SampleSecretKey is the key of the demo. Everybody knows it, so every other mode refuses it.
const SampleSecretKey = "emhpeWluLWRlbW8ta2V5LW5vdC1mb3ItcHJvZHVjdGk="

func (c Config) checkSecretKey() error {
	const remedy = "set ZHIYIN_SECRET_KEY to the output of: openssl rand -base64 32"
	if c.SecretKey == "" {
		return errors.New("secret_key is missing; " + remedy)
	}
	b, err := base64.StdEncoding.DecodeString(c.SecretKey)
	if err != nil || len(b) != 32 {
		return errors.New("secret_key is not 32 bytes in base64; " + remedy)
	}
	if distinct(b) < 12 {
		return errors.New("secret_key is not random; " + remedy)
	}
	if c.SecretKey == SampleSecretKey && c.Mode != Demo {
		return errors.New("secret_key is the sample that everybody knows; " + remedy)
	}
	if b, err := base64.StdEncoding.DecodeString(c.SecretKeyBefore); c.SecretKeyBefore != "" && (err != nil || len(b) != 32) {
		return errors.New("secret_key_before is not 32 bytes in base64; set it to the secret_key before, or to nothing")
	}
	return nil
}

func distinct(b []byte) int {
	seen := map[byte]bool{}
	for _, x := range b {
		seen[x] = true
	}
	return len(seen)
}

func (c Config) checkServer() error {
	var errs []error
	if _, _, err := net.SplitHostPort(c.Server.Listen); err != nil {
		errs = append(errs, fmt.Errorf("server.listen is %q; set it to host:port, for example 127.0.0.1:8080", c.Server.Listen))
	}
	if m := c.Server.MetricsListen; m != "" {
		if _, _, err := net.SplitHostPort(m); err != nil {
			errs = append(errs, fmt.Errorf("server.metrics_listen is %q; set it to host:port, or empty for no metrics", m))
		} else if m == c.Server.Listen {
			errs = append(errs, errors.New("server.metrics_listen equals server.listen; metrics belong on an address the public can't reach"))
		}
	}
	u, err := url.Parse(c.Server.PublicURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		errs = append(errs, fmt.Errorf("server.public_url is %q; set it to the address people use, for example https://scrm.example.com", c.Server.PublicURL))
	} else if c.Mode == Production && u.Scheme != "https" {
		errs = append(errs, errors.New("server.public_url is plain http; production needs https, because sessions and customer data travel over it"))
	}
	for _, p := range c.Server.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			if _, err := netip.ParseAddr(p); err != nil {
				errs = append(errs, fmt.Errorf("server.trusted_proxies holds %q; use addresses or networks such as 10.0.0.0/8", p))
			}
		}
	}
	return errors.Join(errs...)
}

func (c Config) checkStores() error {
	var errs []error
	lite := strings.HasPrefix(c.Database.DSN, "sqlite:")
	if !lite && !strings.HasPrefix(c.Database.DSN, "mysql://") {
		errs = append(errs, errors.New("database.dsn must begin with sqlite: or mysql://; set ZHIYIN_DATABASE__DSN"))
	}
	if c.Redis.Addr == "" {
		errs = append(errs, errors.New("redis.addr is missing; set it to host:port, or to embedded for a single process"))
	}
	if c.Redis.Addr == Embedded && !lite {
		errs = append(errs, errors.New("redis.addr is embedded while the database is MySQL; several replicas must share a Redis, so set redis.addr to host:port"))
	}
	if c.Mode == Production && !lite {
		errs = append(errs, checkPassword(c.Database.DSN))
	}
	if c.Mode == Production && c.Redis.Addr != Embedded && c.Redis.Password == "" {
		errs = append(errs, errors.New("redis.password is missing; production needs one: set ZHIYIN_REDIS__PASSWORD"))
	}
	return errors.Join(errs...)
}

// samplePasswords stand in tutorials and images.
var samplePasswords = []string{"", "password", "root", "mysql", "zhiyin", "secret", "changeme", "change-me", "example", "123456", "12345678"}

func checkPassword(dsn string) error {
	d, err := mysql.ParseDSN(strings.TrimPrefix(dsn, "mysql://"))
	if err != nil {
		return errors.New("database.dsn can't be read; it looks like mysql://user:password@tcp(host:3306)/zhiyin")
	}
	if slices.Contains(samplePasswords, strings.ToLower(d.Passwd)) || len(d.Passwd) < 12 {
		return errors.New("the database password in database.dsn is missing, a sample, or shorter than 12 characters; give the account a random one")
	}
	return nil
}

func (c Config) checkPlatform() error {
	var errs []error
	for key, address := range map[string]string{"platform.wecom_url": c.Platform.WeComURL, "platform.weixin_url": c.Platform.WeixinURL, "platform.open_url": c.Platform.OpenURL} {
		u, err := url.Parse(address)
		switch {
		case err != nil || u.Host == "":
			errs = append(errs, fmt.Errorf("%s is %q; leave it out for the real platform", key, address))
		case c.Mode == Production && !officialHosts[u.Host]:
			errs = append(errs, fmt.Errorf("%s points to %s; production talks only to the real platform, so leave it out (the simulator is for demo and development)", key, u.Host))
		case c.Mode == Production && u.Scheme != "https":
			errs = append(errs, fmt.Errorf("%s must be https", key))
		}
	}
	return errors.Join(errs...)
}

var officialHosts = map[string]bool{"qyapi.weixin.qq.com": true, "api.weixin.qq.com": true, "open.weixin.qq.com": true}

func (c Config) checkSidebar() error {
	var errs []error
	wrong := func(u *url.URL, err error) bool {
		return err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || c.Mode == Production)
	}
	if p := c.Sidebar.PageURL; p != "" && wrong(url.Parse(p)) {
		errs = append(errs, fmt.Errorf("sidebar.page_url is %q; set it to the page's https address without #, or leave it out", p))
	}
	for _, o := range c.Sidebar.Origins {
		if u, err := url.Parse(o); wrong(u, err) || u.Path != "" || u.RawQuery != "" {
			errs = append(errs, fmt.Errorf("sidebar.origins holds %q; an origin looks like https://scrm.example.com, with nothing after the host", o))
		}
	}
	return errors.Join(errs...)
}

func (c Config) checkBounds() error {
	var errs []error
	atLeast := func(key string, v, low int) {
		if v < low {
			errs = append(errs, fmt.Errorf("%s is %d; it must be at least %d", key, v, low))
		}
	}
	positive := func(key string, d time.Duration) {
		if d <= 0 {
			errs = append(errs, fmt.Errorf("%s is %s; it must be more than zero, for example 5s", key, d))
		}
	}
	atLeast("database.max_conns", c.Database.MaxConns, 2)
	atLeast("platform.max_in_flight", c.Platform.MaxInFlight, 1)
	atLeast("work.concurrency", c.Work.Concurrency, 2)
	atLeast("sync.concurrency", c.Sync.Concurrency, 1)
	atLeast("callback.max_body", c.Callback.MaxBody, 1024)
	positive("server.stop_timeout", c.Server.StopTimeout)
	positive("database.statement_timeout", c.Database.StatementTimeout)
	positive("callback.max_age", c.Callback.MaxAge)
	positive("callback.deadline", c.Callback.Deadline)
	positive("work.poll", c.Work.Poll)
	positive("work.lease", c.Work.Lease)
	positive("work.keep_done", c.Work.KeepDone)
	positive("sign_in.idle_timeout", c.SignIn.IdleTimeout)
	positive("sign_in.absolute_timeout", c.SignIn.AbsoluteTimeout)
	if c.Callback.Deadline >= 5*time.Second {
		errs = append(errs, errors.New("callback.deadline must be under 5s: the platform gives up after that"))
	}
	if c.SignIn.IdleTimeout > c.SignIn.AbsoluteTimeout {
		errs = append(errs, errors.New("sign_in.idle_timeout is longer than sign_in.absolute_timeout; make it shorter"))
	}
	return errors.Join(errs...)
}
