package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v3"

	"zhiyin/config"
	"zhiyin/model"
	"zhiyin/progress"
	"zhiyin/service/intake"
)

// synchronise starts a run and shows its progress. This process works along, so that it needs no
// server beside it; when it is stopped the run goes on wherever a server works, or with the next one.
func synchronise(ctx context.Context, c *cli.Command) error {
	cfg, err := config.Load(c.String("config"), os.Environ())
	if err != nil {
		return err
	}
	p, err := assemble(ctx, cfg, newLogger(cfg))
	if err != nil {
		return errors.Join(err, p.Close())
	}
	defer p.Close()
	if err := p.bringUpToDate(ctx); err != nil {
		return err
	}
	account, err := p.accounts.ByName(ctx, c.String("account"))
	if err != nil {
		return err
	}
	run, err := p.intake.Start(ctx, account.ID, intake.TriggerPerson)
	if err != nil {
		return err
	}
	working, stop := context.WithCancel(ctx)
	worked := make(chan error, 1)
	go func() { worked <- p.worker.Run(working) }()
	run, err = p.follow(ctx, run)
	stop()
	if err := errors.Join(err, <-worked); err != nil {
		return err
	}
	fmt.Printf("\n%s: %d read, %d created, %d updated, %d unchanged, %d vanished, %d failed\n",
		run.Status, run.ReadCount, run.Created, run.Updated, run.Unchanged, run.Vanished, run.Failed)
	if run.Status != intake.RunDone {
		return fmt.Errorf("the synchronisation ended %s: %s", run.Status, run.Error)
	}
	return nil
}

// follow shows a run's progress until it ends.
func (p *parts) follow(ctx context.Context, run *model.SyncRun) (*model.SyncRun, error) {
	bar := progress.New(os.Stderr, "同步 · synchronising")
	for run.Status == intake.RunRunning {
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return run, ctx.Err()
		}
		var err error
		if run, err = p.intake.Progress(ctx, run.ID); err != nil {
			return run, err
		}
		if err := bar.Show(run.Stage, run.Finished, run.Total); err != nil {
			return run, err
		}
	}
	return run, nil
}
