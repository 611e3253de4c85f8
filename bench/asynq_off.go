//go:build !asynq

package bench

import (
	"context"
	"fmt"
)

// peer measures asynq, where this program was built with it: the product does without.
func (b *outreachBench) peer(context.Context) error {
	fmt.Fprintln(b.out, "asynq: not in this build; go run -tags asynq . bench outreach")
	return nil
}
