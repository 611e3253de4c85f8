// Package demo runs the whole product on one machine, with the platform simulator in WeChat's place
// and a believable company in it. It sets everything up through the same doors as a person would:
// the console's API and the simulator's control API.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"zhiyin/simulator"
)

// Login and Password let a visitor in. The demo listens on the loopback address only.
const (
	Login    = "demo"
	Password = "zhiyin-demo-2026"
)

// AccountName is the demo corp's short name.
const AccountName = "demo"

// Options says where the demo runs and how its server is started.
type Options struct {
	Server    string // address of the server
	Simulator string // address of the simulator
	State     string // file that keeps the simulated world between starts
	PerMinute int    // how many things happen in the simulated company each minute
	// Serve runs the server until ctx ends, calling ready once it answers.
	Serve func(ctx context.Context, ready func()) error
	// CreateAdmin makes Login an administrator; repeating it changes nothing.
	CreateAdmin func(ctx context.Context) error
	Out         io.Writer
	Logger      *slog.Logger
}

// Run runs the demo until ctx ends. A second run goes on where the first was.
func Run(ctx context.Context, o Options) error {
	world, err := listen(o.Simulator, "the platform simulator", "--simulator 127.0.0.1:8091")
	if err != nil {
		return err
	}
	sim := simulator.New(simulator.Options{
		Seed: 1, Company: simulator.Company{Staff: 30, Customers: 2000, Tags: 60, Groups: 40}, Logger: o.Logger.With("part", "simulator"),
	})
	platform := &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: 5 * time.Second}
	go platform.Serve(world)
	defer func() { platform.Close(); sim.Close() }()

	control := &caller{base: "http://" + o.Simulator}
	if err := restore(ctx, control, o.State); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ready, served := make(chan struct{}), make(chan error, 1)
	go func() { served <- o.Serve(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-served:
		return err
	}
	setup := make(chan error, 1)
	go func() { setup <- settle(ctx, o, control) }()
	go keepSaving(ctx, control, o)
	return errors.Join(await(ctx, cancel, setup, served), save(control, o.State))
}

// keepSaving keeps what a kill would lose to half a minute of the simulated world.
func keepSaving(ctx context.Context, control *caller, o Options) {
	for tick := time.NewTicker(30 * time.Second); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
			if err := save(control, o.State); err != nil {
				o.Logger.Warn("save the simulated world", "error", err)
			}
		}
	}
}

// await returns when the server has stopped, or the set-up failed.
func await(ctx context.Context, cancel context.CancelCauseFunc, setup, served chan error) error {
	for {
		select {
		case err := <-setup:
			setup = nil
			if err != nil && ctx.Err() == nil {
				cancel(err)
				<-served
				return fmt.Errorf("set up the demo: %w", err)
			}
		case err := <-served:
			return err
		}
	}
}

// listen takes an address, or says in one sentence that it is taken.
func listen(address, who, remedy string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program, so %s can't start there; stop that program or choose another address: %s", address, who, remedy)
	}
	return l, err
}

// settle fills the server from the simulated platform and lets life go on there.
func settle(ctx context.Context, o Options, control *caller) error {
	if err := o.CreateAdmin(ctx); err != nil {
		return err
	}
	console := &caller{base: "http://" + o.Server + "/api/console"}
	if err := signIn(ctx, console); err != nil {
		return err
	}
	first, err := connect(ctx, o, control, console)
	if err != nil {
		return err
	}
	announce(o, control.base)
	if first {
		if err := firstSync(ctx, o, console); err != nil {
			return err
		}
		if err := furnish(ctx, console); err != nil {
			return err
		}
	}
	if err := control.call(ctx, "POST", "/_sim/life", map[string]any{"on": true, "per_minute": o.PerMinute}, nil); err != nil {
		return err
	}
	fmt.Fprintln(o.Out, "生活继续着：新客户在扫码，群在变化。按 Ctrl-C 停止。 · Life goes on: customers scan codes, groups change. Ctrl-C stops it.")
	return nil
}

func announce(o Options, simulator string) {
	fmt.Fprint(o.Out, strings.Join([]string{
		"",
		"  知音 · Zhiyin            http://" + o.Server,
		"  接口文档 · API docs      http://" + o.Server + "/docs",
		"  平台模拟器 · simulator   " + simulator + "/_sim/",
		"  登录 · sign in           " + Login + " / " + Password,
		"",
	}, "\n"))
}
