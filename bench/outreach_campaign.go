package bench

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"zhiyin/model"
	"zhiyin/service/campaign"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/outreach/message"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// campaign is a campaign to everybody of a segment, from its launch until every message is planned: what an operator waits for, with what
// they see meanwhile.
func (b *outreachBench) campaign(ctx context.Context) error {
	ch := newNull("idle", b.Messages)
	ledger := b.service(ch)
	queue := work.New(b.db, clock.System)
	quiet := slog.New(slog.DiscardHandler)
	campaigns := campaign.New(campaign.Deps{
		DB: b.db, Queue: queue, Now: clock.System, Zone: time.UTC, Ledger: ledger, Messages: anyMessage{}, ApprovalAbove: int64(b.Messages) + 1,
		TakeBack: func(context.Context, string, int64) error { return nil },
		Kinds:    func(context.Context) ([]event.Kind, error) { return event.BuiltIn(), nil }, Logger: quiet,
	})
	id, err := b.draft(ctx, campaigns)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	worker := work.NewWorker(queue, work.Options{Logger: quiet})
	running.Go(func() { _ = worker.Run(ctx) })
	defer func() { stop(); running.Wait() }()

	before, most := rss(), int64(0)
	seen, shown := map[int64]bool{}, map[int64]bool{}
	_, err = b.line("campaign: freeze and plan an audience", b.Messages, b.ServerPID, func() error {
		if err := campaigns.Launch(ctx, &staff.Viewer{StaffID: 1}, id); err != nil {
			return err
		}
		for {
			most = max(most, rss())
			runs, err := campaigns.Runs(ctx, id, 0, 1)
			if err != nil {
				return err
			}
			if len(runs) > 0 {
				seen[runs[0].Members] = true
				totals, err := ledger.Totals(ctx, campaign.Source, id)
				if err != nil {
					return err
				}
				for _, t := range totals {
					shown[t.N] = true
				}
				switch runs[0].State {
				case campaign.RunFreezing, campaign.RunPlanning:
				case campaign.RunSending:
					if runs[0].Planned != int64(b.Messages) {
						return fmt.Errorf("%d of %d are planned", runs[0].Planned, b.Messages)
					}
					return nil
				default:
					return fmt.Errorf("the run is %s: %s", runs[0].State, runs[0].Reason)
				}
			}
			time.Sleep(250 * time.Millisecond)
		}
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "looked at four times a second: %d counts of people, %d of messages; memory %d MiB more than before\n\n", len(seen), len(shown), (most-before)>>20)
	return nil
}

// draft makes a segment of everybody and a campaign to it.
func (b *outreachBench) draft(ctx context.Context, campaigns *campaign.Service) (int64, error) {
	db, now := b.db.WithContext(ctx), clock.System()
	acct := &model.Account{Kind: "wecom", Name: "bench", PlatformID: "bench", Enabled: true, CreatedAt: now, UpdatedAt: now}
	seg := &model.Segment{Name: "bench", Kind: "list", Version: 1, BuiltVersion: 1, Members: int64(b.Messages), CreatedAt: now, UpdatedAt: now}
	for _, row := range []any{acct, seg} {
		if err := db.Create(row).Error; err != nil {
			return 0, err
		}
	}
	err := db.Exec("INSERT INTO segment_member (segment_id, customer_id, stay, entered_at, mark) SELECT ?, customer_id, 1, ?, 0 FROM bench_audience", seg.ID, now).Error
	if err != nil {
		return 0, err
	}
	c, err := campaigns.Create(ctx, &staff.Viewer{StaffID: 1}, campaign.Definition{
		Name: "bench", Channel: "idle", AccountID: acct.ID, Audience: campaign.Audience{Segments: []int64{seg.ID}},
		Variants: []campaign.Variant{{Name: "A", ShareBP: 10_000, MessageID: 1}},
	})
	if err != nil {
		return 0, err
	}
	return c.ID, nil
}

// anyMessage lets every message pass.
type anyMessage struct{}

// Usable implements campaign.Messages.
func (anyMessage) Usable(context.Context, int64, string, []message.Kind) error { return nil }

// Personal implements campaign.Messages.
func (anyMessage) Personal(context.Context, int64) (bool, error) { return false, nil }

// rss is the memory this process has now, as Linux tells it; 0 when it can't be read.
func rss() int64 {
	stat, err := os.ReadFile("/proc/self/statm")
	fields := bytes.Fields(stat)
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}
