package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/urfave/cli/v3"

	"zhiyin/config"
	"zhiyin/demo"
	"zhiyin/doctor"
	"zhiyin/logs"
	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/service/clock"
	"zhiyin/service/staff"
	"zhiyin/simulator"
)

func migrateCommand() *cli.Command {
	return &cli.Command{
		Name: "migrate", Usage: "bring the database's schema up to date",
		Action: func(ctx context.Context, c *cli.Command) error {
			cfg, err := config.Load(c.String("config"), os.Environ())
			if err != nil {
				return err
			}
			return migrate(ctx, cfg, newLogger(cfg))
		},
	}
}

// migrate uses a connection of its own, because a change of schema may take longer than a statement
// of the server may.
func migrate(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	db, err := model.Open(ctx, model.Options{DSN: cfg.Database.DSN, MaxConns: 2, StatementTimeout: time.Hour})
	if err != nil {
		return err
	}
	defer model.Close(db)
	steps, err := model.Migrate(ctx, db)
	if err != nil {
		return err
	}
	log.Info("schema is up to date", "steps", steps)
	return nil
}

func demoCommand() *cli.Command {
	return &cli.Command{
		Name: "demo", Usage: "run the server with the platform simulator and a believable company",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "simulator", Usage: "`ADDRESS` of the platform simulator", Value: "127.0.0.1:8090", Sources: cli.EnvVars("SIMULATOR_LISTEN")},
			&cli.IntFlag{Name: "per-minute", Usage: "how many things happen in the simulated company each minute", Value: 20},
		},
		Action: runDemo,
	}
}

func runDemo(ctx context.Context, c *cli.Command) error {
	sim := c.String("simulator")
	// What the environment says comes later and wins.
	cfg, err := config.Load("", append([]string{
		"ZHIYIN_MODE=" + config.Demo, "ZHIYIN_SECRET_KEY=" + config.SampleSecretKey, "ZHIYIN_LOG__LEVEL=warn",
		"ZHIYIN_DATABASE__DSN=sqlite:data/zhiyin.db",
		"ZHIYIN_PLATFORM__WECOM_URL=http://" + sim + "/qyapi", "ZHIYIN_PLATFORM__WEIXIN_URL=http://" + sim + "/weixin", "ZHIYIN_PLATFORM__OPEN_URL=http://" + sim + "/open",
	}, os.Environ()...))
	if err != nil {
		return err
	}
	log := newLogger(cfg)
	return demo.Run(ctx, demo.Options{
		Server: cfg.Server.Listen, Simulator: sim, State: "data/simulator.json", PerMinute: c.Int("per-minute"), Out: os.Stdout, Logger: log,
		Serve: func(ctx context.Context, ready func()) error { return serve(ctx, cfg, log, ready) },
		CreateAdmin: func(ctx context.Context) error {
			err := createAdmin(ctx, cfg, demo.Login, "演示管理员", demo.Password)
			if errors.Is(err, staff.ErrLoginTaken) {
				return nil
			}
			return err
		},
	})
}

func simulateCommand() *cli.Command {
	return &cli.Command{
		Name: "simulate", Usage: "run the platform simulator alone",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Usage: "`ADDRESS` to listen on", Value: "127.0.0.1:8090"},
			&cli.IntFlag{Name: "seed", Usage: "same seed, same world", Value: 1},
			&cli.IntFlag{Name: "staff", Value: 30}, &cli.IntFlag{Name: "customers", Value: 2000},
			&cli.IntFlag{Name: "tags", Value: 60}, &cli.IntFlag{Name: "groups", Value: 40},
			&cli.DurationFlag{Name: "latency", Usage: "how long every platform answer takes"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			listener, err := listen(c.String("listen"), "--listen")
			if err != nil {
				return err
			}
			s := simulator.New(simulator.Options{
				Seed: int64(c.Int("seed")), Latency: c.Duration("latency"), Logger: logs.New(os.Stderr, "text", "info"),
				Company: simulator.Company{Staff: c.Int("staff"), Customers: c.Int("customers"), Tags: c.Int("tags"), Groups: c.Int("groups")},
			})
			defer s.Close()
			server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second}
			stop := context.AfterFunc(ctx, func() { server.Close() })
			defer stop()
			fmt.Printf("http://%s/_sim/\n", c.String("listen"))
			return ignoreClosed(server.Serve(listener))
		},
	}
}

func adminCommand() *cli.Command {
	return &cli.Command{
		Name: "admin", Usage: "what is done once, at the machine",
		Commands: []*cli.Command{
			{
				Name: "create", Usage: "create an administrator of the console; the password comes from ZHIYIN_ADMIN_PASSWORD or standard input",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "login", Required: true, Usage: "`NAME` to sign in with"},
					&cli.StringFlag{Name: "name", Usage: "the person's name; the login when absent"},
				},
				Action: func(ctx context.Context, c *cli.Command) error {
					cfg, err := config.Load(c.String("config"), os.Environ())
					if err != nil {
						return err
					}
					password, err := secretInput("ZHIYIN_ADMIN_PASSWORD", "Password: ")
					if err != nil {
						return err
					}
					name := c.String("name")
					if name == "" {
						name = c.String("login")
					}
					if err := createAdmin(ctx, cfg, c.String("login"), name, password); err != nil {
						return err
					}
					fmt.Printf("%s may sign in at %s\n", c.String("login"), cfg.Server.PublicURL)
					return nil
				},
			},
			{
				Name: "account", Usage: "register a WeCom corp or a mini-program; its secrets come from ZHIYIN_ACCOUNT_SECRET, …_CALLBACK_TOKEN and …_CALLBACK_AES_KEY",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "kind", Value: account.KindWeCom, Usage: "wecom or miniapp"},
					&cli.StringFlag{Name: "name", Required: true, Usage: "short `NAME` in callback addresses"},
					&cli.StringFlag{Name: "title", Required: true, Usage: "what people read"},
					&cli.StringFlag{Name: "platform-id", Required: true, Usage: "corp id or app id"},
					&cli.IntFlag{Name: "agent-id", Usage: "the app's AgentId; WeCom only"},
				},
				Action: createAccount,
			},
			{
				Name: "sync", Usage: "synchronise an account with the platform in full, and show how far it is",
				Flags:  []cli.Flag{&cli.StringFlag{Name: "account", Required: true, Usage: "the account's short `NAME`"}},
				Action: synchronise,
			},
			keysCommand(),
		},
	}
}

func createAdmin(ctx context.Context, cfg config.Config, login, name, password string) error {
	db, err := openDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer model.Close(db)
	_, err = staff.New(db, clock.System, staff.Options{}).CreateAdmin(ctx, login, name, password)
	return err
}

func createAccount(ctx context.Context, c *cli.Command) error {
	cfg, err := config.Load(c.String("config"), os.Environ())
	if err != nil {
		return err
	}
	secret, err := secretInput("ZHIYIN_ACCOUNT_SECRET", "Secret: ")
	if err != nil {
		return err
	}
	p, err := assemble(ctx, cfg, newLogger(cfg))
	if err != nil {
		return errors.Join(err, p.Close())
	}
	defer p.Close()
	a, err := p.accounts.Create(ctx, account.CreateInput{
		Kind: c.String("kind"), Name: c.String("name"), Title: c.String("title"), PlatformID: c.String("platform-id"), AgentID: int64(c.Int("agent-id")),
		Secret: secret, CallbackToken: os.Getenv("ZHIYIN_ACCOUNT_CALLBACK_TOKEN"), CallbackAESKey: os.Getenv("ZHIYIN_ACCOUNT_CALLBACK_AES_KEY"),
	})
	if err != nil {
		return err
	}
	fmt.Printf("callback address: %s/callback/%s/%s\n", strings.TrimSuffix(cfg.Server.PublicURL, "/"), a.Kind, a.Name)
	return nil
}

// secretInput takes a secret from the environment, else one line of standard input; never from the
// command line, where other users of the machine can read it.
func secretInput(variable, prompt string) (string, error) {
	if v := os.Getenv(variable); v != "" {
		return v, nil
	}
	fmt.Fprint(os.Stderr, prompt)
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.Join(fmt.Errorf("%s is not set and nothing was typed", variable), err)
	}
	return line, nil
}

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "look whether everything is in order, and say what to do where it is not",
		Flags: []cli.Flag{&cli.StringFlag{Name: "health", Usage: "only ask this `ADDRESS` whether it is well, as a container's health check does"}},
		Action: func(ctx context.Context, c *cli.Command) error {
			if address := c.String("health"); address != "" {
				return doctor.Healthy(ctx, address)
			}
			cfg, err := config.Load(c.String("config"), os.Environ())
			if err != nil {
				return fmt.Errorf("configuration: %w", err)
			}
			return examine(ctx, cfg)
		},
	}
}

// examine puts together as much as can be, so that one thing that is down does not hide another.
func examine(ctx context.Context, cfg config.Config) error {
	log := slog.New(slog.DiscardHandler)
	p := &parts{cfg: cfg, log: log, now: clock.System, metrics: prometheus.NewRegistry()}
	defer p.Close()
	// What the server has learnt of refused rights it remembers for minutes; the doctor asks afresh.
	p.cfg.Redis.KeyPrefix += "doctor:" + rand.Text() + ":"
	d := doctor.Deps{Config: cfg, Now: clock.System}
	if p.db, d.DBErr = openDatabase(ctx, cfg); d.DBErr == nil {
		p.closers = append(p.closers, func() error { return model.Close(p.db) })
		d.DB = p.db
	}
	if err := p.openRedis(); err != nil {
		return err
	}
	d.Redis = p.redis
	if d.DBErr == nil {
		for _, step := range []func(context.Context) error{p.openKeys, p.platform} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		d.Accounts, d.Gateway = p.accounts, p.gateway
	}
	return doctor.Examine(ctx, d, os.Stdout)
}
