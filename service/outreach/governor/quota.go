package governor

import (
	"time"

	"gorm.io/gorm"
)

// Quota is what a platform lets through to one customer by one channel within a period.
type Quota struct {
	Limit int
	// Used is what the platform is known to have let through in the period, whoever sent it.
	Used         int
	Since, Until time.Time // the period; Until exclusive
}

// used is what the platform knows of or we have let out, whichever is more: its news of ours come late, and of others' we keep no
// marks.
func (q Quota) used(marks []mark, channel string) int {
	n := 0
	for i := len(marks) - 1; i >= 0 && marks[i].at >= q.Since.UnixMilli(); i-- {
		if marks[i].channel == channel {
			n++
		}
	}
	return max(n, q.Used)
}

// Quotas keeps what a platform lets through by one channel.
type Quotas interface {
	// QuotasTx gives the quotas of customers at a moment, in a few statements for up to 1,000; who has none is absent.
	QuotasTx(tx *gorm.DB, customerIDs []int64, at time.Time) (map[int64]Quota, error)
}

// UseQuotas has a channel's quotas obeyed. Call it while parts are put together.
func (g *Governor) UseQuotas(channel string, q Quotas) { g.quotas[channel] = q }
