package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v3"

	"zhiyin/bench"
	"zhiyin/bench/seed"
	"zhiyin/config"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name: "bench", Usage: "measure this machine, beside the raw limit of the same run",
		Description: "On MariaDB with commits that reach the disk: scripts/services --durable run -- zhiyin bench queue. Without TEST_MYSQL_DSN on SQLite.",
		Commands: []*cli.Command{
			{
				Name: "callback", Usage: "callbacks a second, durable, beside the same handler without a database and with one GORM insert each",
				Flags: []cli.Flag{
					&cli.IntFlag{Name: "rounds", Value: 5}, &cli.DurationFlag{Name: "duration", Value: 4 * time.Second, Usage: "of each setting in each round"},
					&cli.IntFlag{Name: "connections", Value: 64},
				},
				Action: func(ctx context.Context, c *cli.Command) error {
					return onScratch(ctx, func(d *bench.Database) error {
						return bench.Callback(ctx, bench.CallbackOptions{
							DSN: d.DSN, ServerPID: d.ServerPID, Rounds: c.Int("rounds"), Duration: c.Duration("duration"), Connections: c.Int("connections"),
						}, os.Stdout)
					})
				},
			},
			{
				Name: "load", Usage: "the load generator of bench callback, a process of its own", Hidden: true,
				Action: func(ctx context.Context, c *cli.Command) error { return bench.Load(ctx, os.Stdin, os.Stdout) },
			},
			{
				Name: "queue", Usage: "works a second through the durable queue",
				Flags: []cli.Flag{&cli.IntFlag{Name: "works", Value: 20_000}, &cli.IntFlag{Name: "workers", Value: 2}},
				Action: func(ctx context.Context, c *cli.Command) error {
					return onScratch(ctx, func(d *bench.Database) error {
						return bench.Queue(ctx, bench.QueueOptions{DSN: d.DSN, ServerPID: d.ServerPID, Works: c.Int("works"), Workers: c.Int("workers")}, os.Stdout)
					})
				},
			},
			{
				Name: "events", Usage: "tracked events a second, beside LOAD DATA of the same rows and GORM batches",
				Flags: []cli.Flag{
					&cli.IntFlag{Name: "rounds", Value: 3}, &cli.IntFlag{Name: "events", Value: 60_000, Usage: "of each setting in each round"},
					&cli.IntFlag{Name: "per-call", Value: 20}, &cli.IntFlag{Name: "callers", Value: 64},
				},
				Action: func(ctx context.Context, c *cli.Command) error {
					return onScratch(ctx, func(d *bench.Database) error {
						return bench.Events(ctx, bench.EventsOptions{
							DSN: d.DSN, ServerPID: d.ServerPID, Rounds: c.Int("rounds"), Events: c.Int("events"), PerCall: c.Int("per-call"), Callers: c.Int("callers"),
						}, os.Stdout)
					})
				},
			},
			benchOutreachCommand(),
			benchCouponCommand(),
			{
				Name: "platform", Usage: "the platform of bench outreach that takes everything, a process of its own", Hidden: true,
				Action: func(ctx context.Context, c *cli.Command) error {
					return bench.ServeNullPlatform(ctx, os.Stdin, os.Stdout)
				},
			},
			seedCommand(),
			benchSegmentCommand(),
			benchPagesCommand(),
			benchJourneyCommand(),
		},
	}
}

func benchOutreachCommand() *cli.Command {
	return &cli.Command{
		Name: "outreach", Usage: "deliveries through the ledger alone and to a platform over HTTP, beside the raw limit and, built with -tags asynq, asynq",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "messages", Value: 100_000},
			&cli.StringFlag{Name: "redis", Usage: "`ADDRESS` of a Redis that may be written to", Sources: cli.EnvVars("TEST_REDIS_ADDR")},
			&cli.StringSliceFlag{Name: "only", Usage: "`PARTS` to measure: raw, ledger, asynq, sender, pick-up, rate, campaign"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			return onScratch(ctx, func(d *bench.Database) error {
				return bench.Outreach(ctx, bench.OutreachOptions{
					DSN: d.DSN, ServerPID: d.ServerPID, Messages: c.Int("messages"), RedisAddr: c.String("redis"), RedisPID: bench.PIDIn(os.Getenv("TEST_REDIS_PIDFILE")),
					Platform: bench.PlatformProcess, Only: c.StringSlice("only"),
				}, os.Stdout)
			})
		},
	}
}

func benchCouponCommand() *cli.Command {
	return &cli.Command{
		Name: "coupon", Usage: "a rush on one coupon, beside one row lock per claim and the bare statements; redemptions, and codes",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "attempts", Value: 50_000}, &cli.IntFlag{Name: "stock", Value: 10_000}, &cli.IntFlag{Name: "callers", Value: 64},
			&cli.IntFlag{Name: "uses", Value: 5_000, Usage: "redemptions"}, &cli.IntFlag{Name: "codes", Value: 1_000_000},
			&cli.IntFlag{Name: "rate", Value: 150, Usage: "validations a second, and as many redemptions, that come at their own times"},
			&cli.DurationFlag{Name: "duration", Value: 8 * time.Second, Usage: "of those"},
			&cli.StringSliceFlag{Name: "only", Usage: "`PARTS` to measure: raw, bare-lock, row-lock, rush, refusals, validate, redeem, distinct, latency, codes, reconcile"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			return onScratch(ctx, func(d *bench.Database) error {
				return bench.Coupon(ctx, bench.CouponOptions{
					DSN: d.DSN, ServerPID: d.ServerPID, Attempts: c.Int("attempts"), Stock: c.Int("stock"), Callers: c.Int("callers"), Uses: c.Int("uses"),
					Codes: c.Int("codes"), Rate: c.Int("rate"), Duration: c.Duration("duration"), Only: c.StringSlice("only"),
				}, os.Stdout)
			})
		},
	}
}

func benchJourneyCommand() *cli.Command {
	return &cli.Command{
		Name: "journey", Usage: "durable transitions a second beside their statements alone, parked timers, the first step after an event, a rehearsal",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "rounds", Value: 3}, &cli.IntFlag{Name: "customers", Value: 25_000, Usage: "who go through the measured steps"},
			&cli.IntFlag{Name: "parked", Value: 1_000_000, Usage: "timers"}, &cli.IntFlag{Name: "rehearsed", Value: 100_000, Usage: "customers of the rehearsal"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			return onScratch(ctx, func(d *bench.Database) error {
				return bench.Journey(ctx, bench.JourneyOptions{
					DSN: d.DSN, ServerPID: d.ServerPID, Zone: time.FixedZone("UTC+8", 8*3600), Rounds: c.Int("rounds"), Customers: c.Int("customers"),
					Parked: c.Int("parked"), Rehearsed: c.Int("rehearsed"),
				}, os.Stdout)
			})
		},
	}
}

func benchSegmentCommand() *cli.Command {
	return &cli.Command{
		Name: "segment", Usage: "rules of segments, by the audience index beside the best SQL",
		Description: "With --dsn on a database that bench seed has filled, to which it adds segments and events; without it on one of its own, which is filled first.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dsn", Usage: "`DSN` of the database, as in the configuration"},
			&cli.IntFlag{Name: "server-pid", Usage: "process of its server, to count CPU time"},
			&cli.IntFlag{Name: "customers", Value: 1_000_000, Usage: "to fill it with; the others follow"},
			&cli.IntFlag{Name: "rounds", Value: 5}, &cli.IntFlag{Name: "asks", Value: 20, Usage: "of the index, for each statement"},
			&cli.StringFlag{Name: "rules", Usage: "a part of the names of the `RULES` to measure; all if not given"},
			&cli.IntFlag{Name: "rate", Value: 500, Usage: "events a second that change a segment"},
			&cli.DurationFlag{Name: "patience", Value: 2 * time.Minute, Usage: "with one form of a statement"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			measure := func(d *bench.Database) error {
				err := bench.Segment(ctx, bench.SegmentOptions{DSN: d.DSN, ServerPID: d.ServerPID, Rounds: c.Int("rounds"), Asks: c.Int("asks"), Patience: c.Duration("patience"), Only: c.String("rules")}, os.Stdout)
				if err != nil {
					return err
				}
				return bench.SegmentLive(ctx, bench.LiveOptions{DSN: d.DSN, Rate: c.Int("rate")}, os.Stdout)
			}
			if dsn := c.String("dsn"); dsn != "" {
				return measure(&bench.Database{DSN: dsn, ServerPID: c.Int("server-pid")})
			}
			return onScratch(ctx, func(d *bench.Database) error {
				if err := seed.Run(ctx, seed.Options{DSN: d.DSN, Customers: c.Int("customers")}, os.Stdout); err != nil {
					return err
				}
				return measure(d)
			})
		},
	}
}

func benchPagesCommand() *cli.Command {
	return &cli.Command{
		Name: "pages", Usage: "how long the sidebar's customer card and the list of customers take",
		Description: "With --dsn on a database that bench seed has filled; without it on one of its own, which is filled first.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dsn", Usage: "`DSN` of the database, as in the configuration"},
			&cli.IntFlag{Name: "customers", Value: 1_000_000, Usage: "to fill it with; the others follow"},
			&cli.IntFlag{Name: "looks", Value: 500, Usage: "at each page"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if dsn := c.String("dsn"); dsn != "" {
				return measurePages(ctx, dsn, c.Int("looks"), os.Stdout)
			}
			return onScratch(ctx, func(d *bench.Database) error {
				if err := seed.Run(ctx, seed.Options{DSN: d.DSN, Customers: c.Int("customers")}, os.Stdout); err != nil {
					return err
				}
				return measurePages(ctx, d.DSN, c.Int("looks"), os.Stdout)
			})
		},
	}
}

// measurePages puts a server together over the database, and asks it without a network.
func measurePages(ctx context.Context, dsn string, looks int, out io.Writer) (err error) {
	cfg := config.Default()
	cfg.Database.DSN, cfg.SecretKey, cfg.Log.Level = dsn, config.SampleSecretKey, "error"
	p, err := assemble(ctx, cfg, newLogger(cfg))
	defer func() { err = errors.Join(err, p.Close()) }()
	if err != nil {
		return err
	}
	return bench.Pages(ctx, bench.PagesOptions{DB: p.db, Handler: p.server.Handler(), IDs: p.ids, Looks: looks}, out)
}

func seedCommand() *cli.Command {
	return &cli.Command{
		Name: "seed", Usage: "fill an empty database with a believable company, the same one for the same seed",
		Description: "Without --dsn it fills a database of its own, says how long that took, and removes it.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "dsn", Usage: "`DSN` of the database to fill, as in the configuration"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "same seed, same company"},
			&cli.TimestampFlag{Name: "until", Usage: "`DAY` on which its story ends; today if not given", Config: cli.TimestampConfig{Layouts: []string{time.DateOnly}}},
			&cli.IntFlag{Name: "customers", Value: 1_000_000},
			&cli.IntFlag{Name: "tags", Value: 8_000_000, Usage: "that customers bear"},
			&cli.IntFlag{Name: "events", Value: 5_000_000}, &cli.IntFlag{Name: "orders", Value: 2_000_000},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			run := func(d *bench.Database) error {
				return seed.Run(ctx, seed.Options{
					DSN: d.DSN, Seed: c.Uint64("seed"), Until: c.Timestamp("until"),
					Customers: c.Int("customers"), Tags: orNone(c.Int("tags")), Events: orNone(c.Int("events")), Orders: orNone(c.Int("orders")),
				}, os.Stdout)
			}
			if dsn := c.String("dsn"); dsn != "" {
				return run(&bench.Database{DSN: dsn})
			}
			return onScratch(ctx, run)
		},
	}
}

// orNone makes the 0 that somebody wrote different from the one that means nothing was said.
func orNone(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// onScratch measures on a database that is empty before and gone afterwards.
func onScratch(ctx context.Context, measure func(d *bench.Database) error) error {
	d, err := bench.Scratch(ctx)
	if err != nil {
		return err
	}
	return errors.Join(measure(d), d.Drop())
}
