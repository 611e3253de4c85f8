package console

import (
	"context"
	"time"

	"zhiyin/job"
	"zhiyin/model"
)

// CronRun is one due run of a periodic job.
type CronRun struct {
	ID         string     `json:"id"`
	Job        string     `json:"job"`
	FireTime   time.Time  `json:"fire_time" doc:"when it was due"`
	Status     string     `json:"status" doc:"planted, running, done, failed, missed"`
	Trigger    string     `json:"trigger" doc:"clock, catch_up, person"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	Error      string     `json:"error,omitempty"`
}

func (h *Handlers) cronRun(t *model.CronTick) CronRun {
	return CronRun{h.IDs.Of(model.KindCronTick, t.ID), t.Job, t.FireTime, t.Status, t.Trigger, t.StartedAt, t.FinishedAt, t.Error}
}

// CronJob is a periodic job as operators see it.
type CronJob struct {
	Name       string    `json:"name"`
	Zh         string    `json:"zh"`
	En         string    `json:"en"`
	Schedule   string    `json:"schedule" doc:"cron expression in the business zone"`
	MaxSeconds float64   `json:"max_seconds" doc:"how long one run may take"`
	CatchUp    bool      `json:"catch_up" doc:"a missed run is made up for"`
	Next       time.Time `json:"next"`
	Last       *CronRun  `json:"last,omitempty"`
	Paused     *JobPause `json:"paused,omitempty"`
}

// JobPause says since when a job is paused, and by whom.
type JobPause struct {
	Since   time.Time `json:"since"`
	StaffID string    `json:"staff_id"`
	Reason  string    `json:"reason,omitempty"`
}

// ListCronJobs lists all periodic jobs.
func (h *Handlers) ListCronJobs(ctx context.Context, _ *struct{}) (*Page[CronJob], error) {
	states, err := h.Scheduler.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	var items []CronJob
	for _, s := range states {
		j := CronJob{Name: s.Name, Zh: s.Zh, En: s.En, Schedule: s.Schedule, MaxSeconds: s.Max.Seconds(), CatchUp: s.CatchUp, Next: s.Next}
		if s.Last != nil {
			last := h.cronRun(s.Last)
			j.Last = &last
		}
		if p := s.Paused; p != nil {
			j.Paused = &JobPause{p.CreatedAt, h.IDs.Of(model.KindStaff, p.PausedBy), p.Reason}
		}
		items = append(items, j)
	}
	return whole(items), nil
}

// RunCronJobInput names a job.
type RunCronJobInput struct {
	Name string `path:"name" maxLength:"64"`
}

// RunCronJob has a job run now.
func (h *Handlers) RunCronJob(ctx context.Context, in *RunCronJobInput) (*One[CronRun], error) {
	row, err := h.Scheduler.RunNow(ctx, in.Name, ViewerOf(ctx).StaffID)
	if err != nil {
		return nil, err
	}
	return one(h.cronRun(row)), nil
}

// PauseCronJobInput pauses a job or resumes it.
type PauseCronJobInput struct {
	RunCronJobInput
	Body struct {
		Paused bool   `json:"paused"`
		Reason string `json:"reason,omitempty" maxLength:"200"`
	}
}

// PauseCronJob keeps a job from running by the clock, or lets it run again.
func (h *Handlers) PauseCronJob(ctx context.Context, in *PauseCronJobInput) (*None, error) {
	if in.Body.Paused {
		return &None{}, h.Scheduler.Pause(ctx, in.Name, in.Body.Reason, ViewerOf(ctx).StaffID)
	}
	return &None{}, h.Scheduler.Resume(ctx, in.Name)
}

// ListCronRunsInput selects runs.
type ListCronRunsInput struct {
	PageQuery
	Job    string `query:"job" maxLength:"64"`
	Status string `query:"status" enum:"planted,running,done,failed,missed"`
}

// ListCronRuns lists runs of periodic jobs, newest first.
func (h *Handlers) ListCronRuns(ctx context.Context, in *ListCronRunsInput) (*Page[CronRun], error) {
	r := h.reader()
	before := r.after(listCronTick, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, nextID, err := h.Scheduler.List(ctx, job.Filter{Job: in.Job, Status: in.Status, Before: before, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	var items []CronRun
	for i := range rows {
		items = append(items, h.cronRun(&rows[i]))
	}
	return newPage(h, listCronTick, items, nextID)
}
