package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/urfave/cli/v3"
	"golang.org/x/sync/errgroup"

	"zhiyin/config"
	"zhiyin/logs"
	"zhiyin/model"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name: "serve", Usage: "run the server until it is told to stop",
		Action: func(ctx context.Context, c *cli.Command) error {
			cfg, err := config.Load(c.String("config"), os.Environ())
			if err != nil {
				return err
			}
			return serve(ctx, cfg, newLogger(cfg), func() {})
		},
	}
}

func newLogger(cfg config.Config) *slog.Logger {
	l := logs.New(os.Stderr, cfg.Log.Format, cfg.Log.Level)
	slog.SetDefault(l)
	return l
}

// serve runs everything until ctx ends, then finishes what is in hand. ready is called once the
// server answers.
func serve(ctx context.Context, cfg config.Config, log *slog.Logger, ready func()) (err error) {
	listener, err := listen(cfg.Server.Listen, "ZHIYIN_SERVER__LISTEN")
	if err != nil {
		return err
	}
	defer listener.Close()
	p, err := assemble(ctx, cfg, log)
	defer func() { err = errors.Join(err, p.Close()) }()
	if err != nil {
		return err
	}
	if err := p.bringUpToDate(ctx); err != nil {
		return err
	}
	return p.run(ctx, listener, ready)
}

// bringUpToDate migrates where the configuration says so, else refuses an old schema; then the data keys
// are made or read.
func (p *parts) bringUpToDate(ctx context.Context) error {
	pending, err := model.Pending(ctx, p.db)
	switch {
	case err != nil:
		return err
	case pending > 0 && !p.cfg.Database.MigrateOnStart:
		return fmt.Errorf("the schema lacks %d migrations; run: zhiyin migrate", pending)
	case pending > 0:
		if err := migrate(ctx, p.cfg, p.log); err != nil {
			return err
		}
	}
	return p.keys.Load(ctx)
}

// run serves and works until ctx ends or a part fails. Requests are finished first, then the work
// that they may have left.
func (p *parts) run(ctx context.Context, listener net.Listener, ready func()) error {
	server := p.server.HTTP(p.cfg.Server.Listen)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return ignoreClosed(server.Serve(listener)) })
	all.Go(func() error { return p.serveMetrics(ctx) })
	all.Go(func() error { return p.worker.Run(ctx) })
	all.Go(func() error { p.intake.Pump(ctx); return nil })
	all.Go(func() error { p.events.RunFeeds(ctx); return nil })
	all.Go(func() error { p.outreach.Run(ctx); return nil })
	all.Go(func() error { p.journeys.Run(ctx); return nil })
	all.Go(func() error { return p.scheduler.Run(ctx) })
	all.Go(func() error { p.keys.Run(ctx); return nil })
	if p.audience != nil {
		all.Go(func() error { p.audience.Run(ctx); return nil })
	}
	all.Go(func() error {
		if err := p.callbackIPs.Refresh(ctx); err != nil {
			p.log.InfoContext(ctx, "callback addresses are not known yet; everybody with a valid signature is let in", "reason", err)
		}
		return nil
	})
	all.Go(func() error {
		<-ctx.Done()
		p.log.Info("stopping")
		ctx, cancel := context.WithTimeout(context.Background(), p.cfg.Server.StopTimeout)
		defer cancel()
		return server.Shutdown(ctx)
	})
	p.log.Info("serving", "listen", p.cfg.Server.Listen, "version", version, "mode", p.cfg.Mode)
	ready()
	err := all.Wait()
	p.log.Info("stopped")
	return err
}

// serveMetrics serves /metrics on an address of its own, which the public does not reach.
func (p *parts) serveMetrics(ctx context.Context) error {
	if p.cfg.Server.MetricsListen == "" {
		return nil
	}
	listener, err := listen(p.cfg.Server.MetricsListen, "ZHIYIN_SERVER__METRICS_LISTEN")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.metrics, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	return ignoreClosed(server.Serve(listener))
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// listen takes an address, or says in one sentence that it is taken.
func listen(address, variable string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program; stop that one, or choose another address by %s", address, variable)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

func redisTLS(addr string) *tls.Config {
	host, _, _ := net.SplitHostPort(addr)
	return &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
}
