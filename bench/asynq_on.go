//go:build asynq

package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hibiken/asynq"
)

// peer measures asynq with as many tasks that do nothing: enqueued by 16 goroutines, processed 10 at a time, as it is used most.
func (b *outreachBench) peer(ctx context.Context) error {
	if b.RedisAddr == "" {
		fmt.Fprintln(b.out, "asynq: no Redis to measure with")
		return nil
	}
	at := asynq.RedisClientOpt{Addr: b.RedisAddr, DB: 9}
	client := asynq.NewClient(at)
	defer client.Close()
	enqueued, err := b.line("asynq: enqueue", b.Messages, b.RedisPID, func() error {
		var callers sync.WaitGroup
		var next atomic.Int64
		errs := make(chan error, 16)
		for range 16 {
			callers.Go(func() {
				for n := next.Add(1); n <= int64(b.Messages); n = next.Add(1) {
					if _, err := client.EnqueueContext(ctx, asynq.NewTask("bench", fmt.Appendf(nil, `{"n":%d}`, n))); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		callers.Wait()
		select {
		case err := <-errs:
			return err
		default:
			return nil
		}
	})
	if err != nil {
		return err
	}
	done := make(chan struct{})
	var count atomic.Int64
	server := asynq.NewServer(at, asynq.Config{Concurrency: 10, LogLevel: asynq.FatalLevel})
	processed, err := b.line("asynq: process", b.Messages, b.RedisPID, func() error {
		err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
			if count.Add(1) == int64(b.Messages) {
				close(done)
			}
			return nil
		}))
		if err != nil {
			return err
		}
		<-done
		server.Shutdown()
		return nil
	})
	fmt.Fprintf(b.out, "asynq: %.2f CPU seconds per 100k tasks", enqueued+processed)
	if b.alone > 0 {
		fmt.Fprintf(b.out, ", %.1f × the ledger's", (enqueued+processed)/b.alone)
	}
	fmt.Fprintln(b.out)
	return err
}
