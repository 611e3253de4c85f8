package coupon

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/keyring"
	"zhiyin/service/vault"
	"zhiyin/service/work"
)

// The kinds and states of bulk work. Names are data.
const (
	RunCodes = "codes" // codes are made
	RunIssue = "issue" // customers are given coupons

	RunWaiting   = "waiting"
	RunRunning   = "running"
	RunDone      = "done"
	RunCancelled = "cancelled"
	RunFailed    = "failed"
)

// The bounds of bulk work.
const (
	MaxCodes = 1_000_000 // one run makes
	MaxNamed = 10_000    // customers may be named
	// maxPrefix is how long what stands before codes may be.
	maxPrefix = 16

	codePage  = 10_000
	issuePage = 200
	// runTurn is how long one attempt goes on before others have a turn.
	runTurn = 20 * time.Second
)

// NewRun is bulk work on a batch: a number of codes, or customers to be given one coupon each.
type NewRun struct {
	BatchID     int64
	Codes       int64   // how many; 0: none
	Prefix      string  // of the codes
	SegmentID   int64   // whose members get one
	CustomerIDs []int64 // or who gets one, by name
}

const workRun = "coupon.run"

type runRef struct {
	RunID int64 `json:"run_id"`
}

// StartRun begins bulk work in the background. It fails with ErrNoBatch, ErrRun, or ErrClosed when the batch gives
// no coupons.
func (s *Service) StartRun(ctx context.Context, by int64, in NewRun) (*model.CouponRun, error) {
	now := s.Now()
	row := &model.CouponRun{BatchID: in.BatchID, StaffID: by, SegmentID: in.SegmentID, State: RunWaiting, Prefix: in.Prefix, CreatedAt: now, UpdatedAt: now}
	customers := slices.Compact(slices.Sorted(slices.Values(in.CustomerIDs)))
	switch {
	case in.Codes > 0 && in.SegmentID == 0 && len(customers) == 0:
		row.Kind, row.Total = RunCodes, in.Codes
		if in.Codes > MaxCodes {
			return nil, ErrRun.With("codes", "1–1000000")
		}
		if len(in.Prefix) > maxPrefix || in.Prefix != normalCode(in.Prefix) || strings.Trim(in.Prefix, letters) != "" {
			return nil, ErrRun.With("prefix", "最多 16 个字母数字，不含 0 1 I L O / up to 16 letters and digits, none of 0 1 I L O")
		}
		secret := make([]byte, 32)
		rand.Read(secret)
		row.SealedSecret = s.Vault.Seal(base64.StdEncoding.EncodeToString(secret), runPlace(row))
	case in.Codes == 0 && in.SegmentID != 0 && len(customers) == 0:
		n, err := s.Segments.Size(ctx, in.SegmentID)
		if err != nil {
			return nil, err
		}
		row.Kind, row.Total = RunIssue, n
	case in.Codes == 0 && in.SegmentID == 0 && len(customers) > 0 && len(customers) <= MaxNamed:
		row.Kind, row.Total = RunIssue, int64(len(customers))
	default:
		return nil, ErrRun
	}
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		b, err := batchByID(tx, in.BatchID)
		if err != nil {
			return err
		}
		if b.State == BatchEnded || row.Kind == RunIssue && b.State != BatchActive {
			return ErrClosed
		}
		row.ID = 0 // a transaction may run again
		if err := insertRun(tx, row, customers); err != nil {
			return err
		}
		return s.Queue.Enqueue(tx, work.Item{Kind: workRun, Payload: runRef{row.ID}, Lane: work.LaneBulk})
	})
	return row, err
}

// Seals lists where this capability keeps what is sealed, for the rotation of keys.
func Seals() []keyring.Place {
	return []keyring.Place{keyring.Rows[model.CouponRun]{
		Table: "coupon_run", Column: "sealed_secret", Value: func(r *model.CouponRun) []byte { return r.SealedSecret }, At: runPlace,
	}}
}

// runPlace binds a secret to its run: by when it was asked for, because the row has no id yet.
func runPlace(r *model.CouponRun) vault.Place {
	return vault.Place{Table: "coupon_run", Column: "sealed_secret", Row: fmt.Sprintf("%d:%d", r.BatchID, r.CreatedAt.UnixMilli())}
}

// Run gives one run. It fails with ErrNoRun.
func (s *Service) Run(ctx context.Context, id int64) (*model.CouponRun, error) {
	return runByID(s.DB.WithContext(ctx), id)
}

// Runs lists the runs of a batch (0: of all), newest first, from below a row id (0: from the newest).
func (s *Service) Runs(ctx context.Context, batchID, before int64, limit int) ([]model.CouponRun, error) {
	return runsBefore(s.DB.WithContext(ctx), batchID, before, limit)
}

// CancelRun stops a run before its next page. What is done stays. It fails with ErrNoRun or ErrEnded.
func (s *Service) CancelRun(ctx context.Context, id int64) error {
	if _, err := s.Run(ctx, id); err != nil {
		return err
	}
	stopped, err := askCancel(s.DB.WithContext(ctx), id)
	if err == nil && !stopped {
		return ErrEnded
	}
	return err
}

// goOn goes on with a run from where it is. What a page makes and where the run is are committed together,
// so that a process which dies leaves a run that another finishes, with nothing made twice.
func (s *Service) goOn(ctx context.Context, _ *work.Lease, p runRef) error {
	for began := time.Now(); ; {
		if time.Since(began) > runTurn {
			return work.Snooze(0)
		}
		more, err := s.runPage(ctx, p.RunID)
		if err != nil || !more {
			return err
		}
	}
}

func (s *Service) runPage(ctx context.Context, id int64) (more bool, err error) {
	var page []int64
	seen, err := s.Run(ctx, id)
	if err != nil || seen.EndedAt != nil {
		return false, err
	}
	if seen.Kind == RunIssue {
		if page, err = s.nextCustomers(ctx, seen); err != nil {
			return false, err
		}
	}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		r, err := lockRun(tx, id)
		switch {
		case err != nil || r.EndedAt != nil:
			more = false
			return err
		case r.Position != seen.Position:
			more = true // somebody else went on meanwhile
			return nil
		case r.CancelAsked:
			r.State = RunCancelled
		case r.Kind == RunCodes:
			err = s.makeCodes(tx, r)
		default:
			err = s.giveTo(tx, r, page)
		}
		if err != nil {
			return err
		}
		now := s.Now()
		if r.StartedAt == nil {
			r.StartedAt = &now
		}
		r.UpdatedAt = now
		if more = r.State == RunRunning; !more {
			r.EndedAt = &now
		}
		return saveRun(tx, r)
	})
	return more, err
}

// makeCodes makes the next codes of a run.
func (s *Service) makeCodes(tx *gorm.DB, r *model.CouponRun) error {
	secret, err := s.secretOf(r)
	if err != nil {
		return err
	}
	to := min(r.Position+codePage, r.Total)
	hashes := make([][]byte, 0, to-r.Position)
	for n := r.Position; n < to; n++ {
		hashes = append(hashes, s.codeHash(r.Prefix+codeText(secret, n)))
	}
	if err := insertCodes(tx, r.BatchID, r.ID, hashes); err != nil {
		return err
	}
	r.Position, r.Done, r.Changed, r.State = to, to, to, RunRunning
	if to == r.Total {
		r.State = RunDone
	}
	return nil
}

func (s *Service) secretOf(r *model.CouponRun) ([]byte, error) {
	text, err := s.Vault.Open(r.SealedSecret, runPlace(r))
	if err != nil {
		return nil, fmt.Errorf("open the secret of coupon run %d: %w", r.ID, err)
	}
	return base64.StdEncoding.DecodeString(text)
}

// Codes gives the codes that a run has made, from a number on, as people read them. They follow from the run's
// secret; the database has only hashes of them. It fails with ErrNoRun.
func (s *Service) Codes(ctx context.Context, runID, from int64, limit int) ([]string, error) {
	r, err := s.Run(ctx, runID)
	if err != nil {
		return nil, err
	}
	if r.Kind != RunCodes {
		return nil, ErrNoRun
	}
	secret, err := s.secretOf(r)
	if err != nil {
		return nil, err
	}
	var list []string
	for n := max(from, 0); n < r.Position && len(list) < limit; n++ {
		list = append(list, shownCode(r.Prefix, codeText(secret, n)))
	}
	return list, nil
}

// nextCustomers are those whom a run gives coupons next.
func (s *Service) nextCustomers(ctx context.Context, r *model.CouponRun) (ids []int64, err error) {
	if r.SegmentID != 0 {
		return s.Segments.Members(ctx, r.SegmentID, r.Position, issuePage)
	}
	text, err := runPart(s.DB.WithContext(ctx), r.ID, r.Position)
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &ids)
	}
	return ids, err
}

// giveTo gives some customers a coupon each.
func (s *Service) giveTo(tx *gorm.DB, r *model.CouponRun, customers []int64) error {
	ins := make([]IssueInput, len(customers))
	for i, id := range customers {
		ins[i] = IssueInput{
			BatchID: r.BatchID, CustomerID: id, Source: SourceConsole, SourceID: r.ID, StaffID: r.StaffID, Key: Key{"run", fmt.Sprintf("coupon-run:%d:%d", r.ID, id)},
		}
	}
	outs, err := s.issueGathered(tx, ins)
	if err != nil {
		return err
	}
	r.State = RunRunning
	for _, out := range outs {
		switch {
		case out.err == nil:
			r.Changed++
		case errors.Is(out.err, ErrSoldOut), errors.Is(out.err, ErrClosed):
			r.Refused++
			r.State, r.Error = RunFailed, out.err.Error()
		default:
			r.Refused++
		}
	}
	r.Done += int64(len(customers))
	switch {
	case len(customers) < issuePage && r.State == RunRunning:
		r.State = RunDone
	case r.SegmentID != 0:
		r.Position = customers[len(customers)-1]
	default:
		r.Position++
	}
	return nil
}

// AddCodes takes codes that were made elsewhere, at most 10,000 at once: each makes one coupon, or, of a
// single one that is not single, one for everybody who may have one. It says how many were new. It fails with
// ErrNoBatch or ErrRun.
func (s *Service) AddCodes(ctx context.Context, batchID int64, codes []string, single bool) (added int, err error) {
	if len(codes) == 0 || len(codes) > MaxNamed || !single && len(codes) > 1 {
		return 0, ErrRun.With("codes", "1–10000")
	}
	hashes := make([][]byte, len(codes))
	for i, c := range codes {
		n := normalCode(c)
		if least := map[bool]int{true: 8, false: 4}[single]; len(n) < least || len(n) > 64 {
			return 0, ErrRun.With("codes", "长度有误 / too short or too long")
		}
		hashes[i] = s.codeHash(n)
	}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if _, err := batchByID(tx, batchID); err != nil {
			return err
		}
		added, err = addCodes(tx, batchID, hashes, single)
		return err
	})
	return added, err
}
