package job

import "zhiyin/service/work"

// Registrar is a service that does queued work: it says with work.Handle which kinds.
type Registrar interface {
	Register(q *work.Queue)
}

// Workers registers who does which kind of queued work: the scheduler its ticks ("cron:" and the job's
// name), each service its own kinds. A kind that two of them claim panics. main calls it once, before
// the worker runs.
func Workers(q *work.Queue, services ...Registrar) {
	for _, s := range services {
		s.Register(q)
	}
}
