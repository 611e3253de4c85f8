package outreach

import (
	"context"
	"strconv"

	"zhiyin/model"
)

// note learns from what a call came to: whether the platform wants fewer calls, whether the account or the lane is broken.
func (d *dispatcher) note(l *model.DeliveryLane, o *Outcome) {
	now := d.s.now()
	switch {
	case o.Throttled:
		d.gates.throttle(l, now, o.At)
		d.s.metrics.throttled(l.Channel)
		return
	case o.Broken:
		d.gates.throttle(l, now, now.Add(gateMost)) // until the pause is seen
		d.pause(channelSubject(l.Channel, l.AccountID), orElse(o.Reason, orOther(o.Class)))
		return
	}
	if !faulty(o) {
		d.gates.pass(l, now)
		d.rests.succeed(l)
		return
	}
	failed := d.rests.fail(l, now)
	if o.Fate == FateFailed && failed == breakAt {
		d.pause(laneSubject(l.ID), "failing_"+orOther(o.Class))
	}
}

// faulty tells whether a call failed for a reason that is not the customer's.
func faulty(o *Outcome) bool {
	results := o.Results
	if len(results) == 0 {
		results = []Result{o.Result}
	}
	for _, r := range results {
		if r.Fate == FateAccepted || r.Fate == FateFailed && (r.Class == ClassRelation || r.Class == ClassRefused || r.Class == ClassQuota) {
			return false
		}
	}
	return true
}

// pause stops deliveries until somebody resumes them.
func (d *dispatcher) pause(subject, reason string) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := d.s.pauseSubject(ctx, subject, reason, 0, nil); err != nil {
		d.s.Logger.ErrorContext(ctx, "outreach: deliveries could not be paused", "subject", subject, "reason", reason, "error", err)
		return
	}
	d.s.Logger.WarnContext(ctx, "outreach: deliveries are paused until somebody mends the cause and resumes them", "subject", subject, "reason", reason)
}

func laneSubject(id int64) string { return "lane:" + strconv.FormatInt(id, 10) }

func channelSubject(channel string, account int64) string {
	return "channel:" + channel + ":" + strconv.FormatInt(account, 10)
}

func sourceSubject(source string, id int64) string {
	return "source:" + source + ":" + strconv.FormatInt(id, 10)
}
