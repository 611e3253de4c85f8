package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/config"
	"zhiyin/job"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/segment"
	"zhiyin/service/transfer"
)

// planted is what strangers have written wherever they may write. Its end tells it in a statement's text.
const planted = `x' OR '1'='1'; DROP TABLE customer; -- ") zqv4`

// texts hears the text of every statement.
type texts struct {
	gorm.ConnPool
	pool *sql.DB

	mu   sync.Mutex
	seen map[string]int
}

func (s *texts) note(query string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[query]++
}

func (s *texts) GetDBConn() (*sql.DB, error) { return s.pool, nil }

func (s *texts) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	s.note(query)
	return s.ConnPool.PrepareContext(ctx, query)
}

func (s *texts) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s.note(query)
	return s.ConnPool.ExecContext(ctx, query, args...)
}

func (s *texts) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	s.note(query)
	return s.ConnPool.QueryContext(ctx, query, args...)
}

func (s *texts) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	s.note(query)
	return s.ConnPool.QueryRowContext(ctx, query, args...)
}

func (s *texts) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	tx, err := s.pool.BeginTx(ctx, opts)
	return &heardTx{tx, s}, err
}

// heardTx is a transaction whose statements are heard.
type heardTx struct {
	*sql.Tx
	s *texts
}

func (t *heardTx) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	t.s.note(query)
	return t.Tx.PrepareContext(ctx, query)
}

func (t *heardTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	t.s.note(query)
	return t.Tx.ExecContext(ctx, query, args...)
}

func (t *heardTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.s.note(query)
	return t.Tx.QueryContext(ctx, query, args...)
}

func (t *heardTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	t.s.note(query)
	return t.Tx.QueryRowContext(ctx, query, args...)
}

// TestV4_StoredTextsStayValues: what strangers have stored is never spliced into a statement later, by any periodic
// job, build, export or rule.
func TestV4_StoredTextsStayValues(t *testing.T) {
	cfg, err := config.Load("", []string{
		"ZHIYIN_SECRET_KEY=bm90IHRoZSBrZXkgdGhhdCBzZWFsZWQgdGhlIHJvd3M=", "ZHIYIN_DATABASE__DSN=sqlite:" + filepath.Join(t.TempDir(), "z.db"), "ZHIYIN_SERVER__LISTEN=127.0.0.1:0",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	p, err := assemble(ctx, cfg, slog.New(slog.DiscardHandler))
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.bringUpToDate(ctx); err != nil {
		t.Fatal(err)
	}
	pool, err := p.db.DB()
	if err != nil {
		t.Fatal(err)
	}
	heard := &texts{ConnPool: pool, pool: pool, seen: map[string]int{}}
	p.db.Config.ConnPool, p.db.Statement.ConnPool = heard, heard

	plant(t, p)
	for _, j := range job.All(p.jobs()) {
		if err := j.Run(ctx); err != nil && j.Name != "callback.ips" {
			t.Logf("%s: %v", j.Name, err) // there is no platform here
		}
	}
	p.work(t)

	if len(heard.seen) < 100 {
		t.Errorf("only %d statements were heard", len(heard.seen))
	}
	if n := modeltest.Count[model.SegmentBuild](t, p.db, "status = 'running'") + modeltest.Count[model.ExportRun](t, p.db, "finished_at IS NULL"); n != 0 {
		t.Errorf("%d builds and exports have not ended", n)
	}
	for text := range heard.seen {
		if strings.Contains(text, "zqv4") {
			t.Errorf("a stored text stands in a statement: %.300s", text)
		}
	}
	if n := modeltest.Count[model.Customer](t, p.db); n != 3 {
		t.Errorf("%d customers are left", n)
	}
}

// plant writes what strangers may write, and what operators make of it.
func plant(t *testing.T, p *parts) {
	t.Helper()
	now := time.Now().UTC().Add(-time.Hour).Truncate(time.Millisecond)
	short := planted[len(planted)-30:]
	modeltest.Create(t, p.db, &model.TagGroup{ID: 1, Name: planted}, &model.Tag{ID: 1, GroupID: 1, Name: planted},
		&model.CustomField{ID: 1, Name: "free", Title: short, Kind: "text", CreatedAt: now, UpdatedAt: now})
	for id := int64(1); id <= 3; id++ {
		past := now.Add(-time.Minute)
		modeltest.Create(t, p.db,
			&model.Customer{ID: id, Name: planted, City: planted, CorpName: planted, Avatar: planted, FirstSource: planted, FirstSeenAt: now, CreatedAt: now, UpdatedAt: now},
			&model.Identity{CustomerID: id, Kind: "member_number", Scope: planted, Value: fmt.Sprint(planted, id), Source: planted, CreatedAt: now},
			&model.Relation{AccountID: 1, StaffID: 1, CustomerID: id, ExternalUserID: fmt.Sprint("wm", id, short), Remark: planted, Description: planted, State: planted, Status: "active", AddedAt: now, RemarkState: "synced", DescriptionState: "synced"},
			&model.CustomValue{CustomerID: id, FieldID: 1, Value: planted, Source: short, UpdatedAt: now},
			&model.CustomerNote{CustomerID: id, StaffID: 1, Body: planted, CreatedAt: now, UpdatedAt: now},
			&model.TagGrant{CustomerID: id, TagID: 1, Source: "rule", CreatedAt: now, ExpiresAt: &past},
			&model.CustomerTag{CustomerID: id, TagID: 1, Source: "rule", ExpiresAt: &past},
			&model.CustomerOrder{Number: fmt.Sprint(id, short), Shop: short, CustomerID: id, Status: "paid", PaidFen: 100, TotalFen: 100, PlacedAt: now, PaidAt: &now, BuyerKind: "buyer", BuyerScope: short, BuyerValue: planted},
		)
	}
	ctx := t.Context()
	calls := []event.Tracked{
		{ID: short, Name: event.KindPageViewed, At: now, Properties: []byte(fmt.Sprintf(`{"page":%q,"title":%q}`, planted, planted))},
		{ID: "2", Name: "zqv4' unknown", At: now},
	}
	if _, err := p.events.Track(ctx, event.TrackInput{CustomerID: 1, AccountID: 1, Source: "miniapp", SentAt: now, Events: calls}); err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{`{"field":"name","op":"contains","values":[%q]}`, `{"field":"city","op":"is","values":[%q]}`} {
		r, err := p.segments.Decode(ctx, []byte(fmt.Sprintf(rule, planted)), noIDs{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.segments.Create(ctx, segment.Definition{Name: short, Rule: r, By: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.transfers.StartExport(ctx, 1, transfer.ExportInput{Kind: "customers", Purpose: short, Format: transfer.CSV}); err != nil {
		t.Fatal(err)
	}
}

// work does what has been queued until builds and exports have ended and nothing is due.
func (p *parts) work(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- p.worker.Run(ctx) }()
	for ctx.Err() == nil && modeltest.Count[model.SegmentBuild](t, p.db, "status = 'running'")+modeltest.Count[model.ExportRun](t, p.db, "finished_at IS NULL")+
		modeltest.Count[model.Work](t, p.db, "state = 'leased' OR (state = 'ready' AND attempts = 0 AND run_at <= ?)", time.Now().UTC()) > 0 {
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	<-ended
}

// noIDs reads no ids: the rules here name none.
type noIDs struct{}

func (noIDs) Row(model.Kind, string) (int64, error) { return 0, nil }
func (noIDs) Of(model.Kind, int64) string           { return "" }
