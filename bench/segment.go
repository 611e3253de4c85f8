package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/audience"
	"zhiyin/service/clock"
	"zhiyin/service/segment"
)

// SegmentOptions says what [Segment] measures; zero values mean what is said at each.
type SegmentOptions struct {
	DSN       string // of a database that bench/seed has filled
	ServerPID int    // of the database server, to count its CPU time too; 0: unknown
	Rounds    int    // 0: 5
	// Asks is how often the index is asked in each round, for one statement: 0: 20.
	Asks int
	// Patience is how long a form of a statement may take before another one is called quicker; 0: 2 min.
	Patience time.Duration
	Zone     *time.Location // nil: UTC+8
	// Only names the rules to measure, by a part of their names; empty: all.
	Only string
}

// Segment holds the audience index against SQL on the same rows in the same run: rules of up to seven conditions, round
// by round in turn, whose answers must be equal id by id. For SQL stands the quickest of several forms of each statement.
func Segment(ctx context.Context, o SegmentOptions, out io.Writer) error {
	o.Rounds, o.Asks = cmp.Or(o.Rounds, 5), cmp.Or(o.Asks, 20)
	o.Patience = cmp.Or(o.Patience, 2*time.Minute)
	if o.Zone == nil {
		o.Zone = time.FixedZone("UTC+8", 8*3600)
	}
	db, err := model.Open(ctx, model.Options{DSN: o.DSN, StatementTimeout: max(o.Patience, time.Minute)})
	if err != nil {
		return err
	}
	defer model.Close(db)
	known, err := segment.LoadVocabulary(db)
	if err != nil {
		return err
	}
	m := &segmentMeasure{SegmentOptions: o, db: db, out: out, known: known}
	if err := db.Model(&model.Customer{}).Select("COALESCE(MAX(id), 0)").Scan(&m.last).Error; err != nil {
		return err
	}
	stop, err := m.build(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for _, r := range benchRules {
		if !strings.Contains(r.name, o.Only) {
			continue
		}
		if err := m.measure(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	m.report()
	return nil
}

type segmentMeasure struct {
	SegmentOptions
	db    *gorm.DB
	out   io.Writer
	known *segment.Vocabulary
	last  int64 // customer
	index *audience.Index
	seen  []ruleFigures
}

// ruleFigures is what was seen of one rule.
type ruleFigures struct {
	benchRule
	fit            int
	best           string // which form of the statement was the quickest
	sql, index     []time.Duration
	compiled       []time.Duration // of the forms that the product uses: the whole statement
	pieces         []time.Duration // and the pieces of a build
	counted        []time.Duration // by the index
	sqlCPU, indCPU time.Duration   // of one answer: of this process and of the server
}

// build builds the index and follows the log until stopped.
func (m *segmentMeasure) build(ctx context.Context) (stop func(), err error) {
	heap := liveHeap()
	began, before := time.Now(), m.used()
	m.index = audience.New(audience.Deps{DB: m.db, Now: clock.System, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); m.index.Run(ctx) }()
	stop = func() { cancel(); <-ended }
	for !m.index.Fresh() {
		select {
		case <-ctx.Done():
			stop()
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	took, after := time.Since(began), m.used()
	customers, bytes := m.index.Size()
	fmt.Fprintf(m.out, "index of %d customers built in %s, CPU %s (ours %s, the database's %s)\n", customers, took.Round(time.Millisecond),
		(after.own - before.own + after.server - before.server).Round(time.Millisecond), (after.own - before.own).Round(time.Millisecond), (after.server - before.server).Round(time.Millisecond))
	fmt.Fprintf(m.out, "memory: %.1f MB by its own count, %.1f MB more live heap; %.0f MB for a million customers\n\n",
		float64(bytes)/1e6, float64(liveHeap()-heap)/1e6, float64(max(int64(bytes), liveHeap()-heap))/float64(max(customers, 1)))
	return stop, nil
}

func liveHeap() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func (m *segmentMeasure) used() used { return used{ownCPU(), processCPU(m.ServerPID)} }

// measure asks one rule of every form of the statement and of the index, in turn.
func (m *segmentMeasure) measure(ctx context.Context, b benchRule) error {
	env := &segment.Env{Now: time.Now().UTC().Truncate(time.Millisecond), Zone: m.Zone, Known: m.known, SQLite: model.IsSQLite(m.db)}
	rule, err := segment.Decode([]byte(b.rule), rowNumbers{}, m.known)
	if err != nil {
		return err
	}
	forms, err := m.formsOf(env, rule)
	if err != nil {
		return err
	}
	f := ruleFigures{benchRule: b}
	spent, cpu := make([][]time.Duration, len(forms)), make([][]time.Duration, len(forms))
	for range m.Rounds {
		ids, err := m.ask(ctx, env, rule, &f)
		if err != nil {
			return err
		}
		for i, form := range forms {
			began, before := time.Now(), m.used()
			ctx, cancel := context.WithTimeout(ctx, m.Patience)
			got, err := form.ids(ctx)
			gaveUp := ctx.Err() != nil
			cancel()
			if err != nil && !gaveUp {
				return fmt.Errorf("%s: %w", form.name, err)
			}
			spent[i], cpu[i] = append(spent[i], time.Since(began)), append(cpu[i], since(before, m.used()))
			if !gaveUp && !slices.Equal(ids, got) {
				return fmt.Errorf("the index finds %d, the statement (%s) %d, and not the same", len(ids), form.name, len(got))
			}
		}
		f.fit = len(ids)
	}
	f.compiled, f.pieces = spent[0], spent[1]
	best := 0
	for i := range forms {
		if percentile(spent[i], 50) < percentile(spent[best], 50) {
			best = i
		}
	}
	f.best, f.sql, f.sqlCPU = forms[best].name, spent[best], percentile(cpu[best], 50)
	m.seen = append(m.seen, f)
	m.line(f)
	return nil
}

// ask asks the index for ids and for a count.
func (m *segmentMeasure) ask(ctx context.Context, env *segment.Env, rule *segment.Rule, f *ruleFigures) (ids []int64, err error) {
	before := m.used()
	for range m.Asks {
		began := time.Now()
		var how segment.By
		if ids, how, err = m.index.IDs(ctx, env, rule); err != nil || how == segment.BySQL {
			return nil, errors.Join(err, fmt.Errorf("the index did not answer"))
		}
		f.index = append(f.index, time.Since(began))
	}
	f.indCPU = since(before, m.used()) / time.Duration(m.Asks)
	for range m.Asks {
		began := time.Now()
		if _, _, err := m.index.Count(ctx, env, rule); err != nil {
			return nil, err
		}
		f.counted = append(f.counted, time.Since(began))
	}
	return ids, nil
}

func since(before, after used) time.Duration {
	return after.own - before.own + after.server - before.server
}

// form is one way to get a rule's ids by SQL.
type form struct {
	name string
	ids  func(ctx context.Context) ([]int64, error)
}

// pieceOfIDs is how many ids a piece of "in pieces" spans.
const pieceOfIDs = 50_000

// inSubquery finds the conditions that a statement asks of other tables.
var inSubquery = regexp.MustCompile(`customer\.id IN \(SELECT (\S+) FROM (.+?) WHERE `)

// formsOf gives a rule's statement as the product writes it; the same for one piece of the ids after another; with
// conditions on other tables asked of one customer after another; and, of a conjunction, as an intersection of one
// query for each condition.
func (m *segmentMeasure) formsOf(env *segment.Env, rule *segment.Rule) ([]form, error) {
	q, err := env.Select(rule, segment.Scope{})
	if err != nil {
		return nil, err
	}
	of := func(q segment.Query) func(context.Context) ([]int64, error) {
		return func(ctx context.Context) ([]int64, error) { return idsBy(ctx, m.db, q) }
	}
	correlated := segment.Query{SQL: inSubquery.ReplaceAllString(q.SQL, "EXISTS (SELECT 1 FROM $2 WHERE $1 = customer.id AND "), Args: q.Args}
	forms := []form{{"compiled", of(q)}, {"in pieces", func(ctx context.Context) ([]int64, error) { return m.inPieces(ctx, env, rule) }}, {"correlated", of(correlated)}}
	if len(rule.All) < 2 {
		return forms, nil
	}
	var each segment.Query
	for i := range rule.All {
		where, err := env.Where(&rule.All[i], segment.Scope{})
		if err != nil {
			return nil, err
		}
		if i > 0 {
			each.SQL += " INTERSECT "
		}
		each.SQL += "SELECT customer.id FROM customer WHERE " + where.SQL
		each.Args = append(each.Args, where.Args...)
	}
	each.SQL = "SELECT id FROM (" + each.SQL + ") x ORDER BY id"
	return append(forms, form{"intersection", of(each)}), nil
}

func (m *segmentMeasure) inPieces(ctx context.Context, env *segment.Env, rule *segment.Rule) ([]int64, error) {
	ids := []int64{}
	for after := int64(0); after < m.last; after += pieceOfIDs {
		q, err := env.Select(rule, segment.Scope{After: after, To: after + pieceOfIDs})
		if err != nil {
			return nil, err
		}
		piece, err := idsBy(ctx, m.db, q)
		if err != nil {
			return nil, err
		}
		ids = append(ids, piece...)
	}
	return ids, nil
}

func idsBy(ctx context.Context, db *gorm.DB, q segment.Query) ([]int64, error) {
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	rows, err := pool.QueryContext(ctx, q.SQL, q.Args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids := []int64{}
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// percentile takes the value below which so many of a hundred lie.
func percentile(all []time.Duration, p int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}

func (m *segmentMeasure) line(f ruleFigures) {
	if len(m.seen) == 1 {
		fmt.Fprintf(m.out, "%-22s %4s %8s  %10s %10s %10s  %-12s %10s %10s %10s %10s  %6s %10s %10s\n", "rule", "cond", "fit", "compiled", "pieces", "best SQL", "", "best p95",
			"index p50", "index p95", "count p95", "ratio", "SQL CPU", "index CPU")
	}
	best, index := percentile(f.sql, 50), percentile(f.index, 50)
	fmt.Fprintf(m.out, "%-22s %4d %8d  %10s %10s %10s  %-12s %10s %10s %10s %10s  %6.0f %10s %10s\n", f.name, f.conditions, f.fit, ms(percentile(f.compiled, 50)), ms(percentile(f.pieces, 50)), ms(best), f.best,
		ms(percentile(f.sql, 95)), ms(index), ms(percentile(f.index, 95)), ms(percentile(f.counted, 95)), float64(best)/float64(max(index, 1)), ms(f.sqlCPU), ms(f.indCPU))
}

// report sums up.
func (m *segmentMeasure) report() {
	var ids, estimates, builds []time.Duration
	for _, f := range m.seen {
		ids = append(ids, f.index...)
		if f.conditions <= 5 {
			estimates = append(estimates, f.counted...)
			builds = append(builds, min(percentile(f.compiled, 50), percentile(f.pieces, 50)))
		}
	}
	fmt.Fprintf(m.out, "\nids by the index: p50 %s, p95 %s", ms(percentile(ids, 50)), ms(percentile(ids, 95)))
	if len(builds) > 0 {
		fmt.Fprintf(m.out, "; estimate of up to 5 conditions: p50 %s, p95 %s; all ids of up to 5 conditions by SQL alone: at most %s",
			ms(percentile(estimates, 50)), ms(percentile(estimates, 95)), ms(slices.Max(builds)))
	}
	fmt.Fprintln(m.out)
}

// rowNumbers lets rules name rows by their numbers.
type rowNumbers struct{}

func (rowNumbers) Row(_ model.Kind, id string) (int64, error) { return strconv.ParseInt(id, 10, 64) }

func (rowNumbers) Of(_ model.Kind, row int64) string { return strconv.FormatInt(row, 10) }
