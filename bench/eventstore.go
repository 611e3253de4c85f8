package bench

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	sqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/gorm"

	"zhiyin/model"
)

func emptyEvents(ctx context.Context, db *gorm.DB) error {
	for _, table := range []string{"event", "event_day", "event_feed_batch"} {
		statement := "TRUNCATE TABLE " + table
		if model.IsSQLite(db) {
			statement = "DELETE FROM " + table
		}
		if err := db.WithContext(ctx).Exec(statement).Error; err != nil {
			return err
		}
	}
	return nil
}

// countedEvents tells how many events there are, and how many the counts say there are.
func countedEvents(ctx context.Context, db *gorm.DB) (events, counted int64, err error) {
	if err := db.WithContext(ctx).Model(&model.Event{}).Count(&events).Error; err != nil {
		return 0, 0, err
	}
	return events, counted, db.WithContext(ctx).Model(&model.EventDay{}).Select("COALESCE(SUM(times), 0)").Scan(&counted).Error
}

// readRows keeps what the service wrote.
func (b *eventBench) readRows(ctx context.Context) error {
	if err := b.db.WithContext(ctx).Order("id").Find(&b.events).Error; err != nil {
		return err
	}
	for i := range b.events {
		b.events[i].ID = 0
	}
	return b.db.WithContext(ctx).Order("customer_id, kind, item, day").Find(&b.days).Error
}

// writeText makes the text that LOAD DATA reads, so that only the reading is measured.
func (b *eventBench) writeText() {
	var events, days bytes.Buffer
	for i := range b.events {
		e := &b.events[i]
		fmt.Fprintf(&events, "%s\t%d\t%d\t%d\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", e.Kind, e.AccountID, e.CustomerID, e.StaffID, e.Source, plain(e.Item), e.Value,
			hex.EncodeToString(e.DedupeKey), plain(e.Payload), stamp(e.OccurredAt), stamp(e.RecordedAt))
	}
	for i := range b.days {
		d := &b.days[i]
		fmt.Fprintf(&days, "%d\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", d.CustomerID, d.Kind, plain(d.Item), d.Day, d.Times, d.Value, stamp(d.FirstAt), stamp(d.LastAt))
	}
	b.eventText, b.dayText = events.Bytes(), days.Bytes()
}

func (b *eventBench) loadEvents(ctx context.Context) error {
	if model.IsSQLite(b.db) {
		rows := append([]model.Event{}, b.events...)
		return model.InTx(ctx, b.db, func(tx *gorm.DB) error { return tx.CreateInBatches(&rows, 1000).Error })
	}
	return b.load(ctx, b.eventText, "event", "kind,account_id,customer_id,staff_id,source,item,value,@k,payload,occurred_at,recorded_at) SET dedupe_key=UNHEX(@k")
}

func (b *eventBench) loadAll(ctx context.Context) error {
	if err := b.loadEvents(ctx); err != nil {
		return err
	}
	if model.IsSQLite(b.db) {
		rows := append([]model.EventDay{}, b.days...)
		return model.InTx(ctx, b.db, func(tx *gorm.DB) error { return tx.CreateInBatches(&rows, 1000).Error })
	}
	return b.load(ctx, b.dayText, "event_day", "customer_id,kind,item,day,times,value,first_at,last_at")
}

// load is one LOAD DATA of tab-separated rows that the client sends.
func (b *eventBench) load(ctx context.Context, text []byte, table, columns string) error {
	sqldriver.RegisterReaderHandler("bench", func() io.Reader { return bytes.NewReader(text) })
	defer sqldriver.DeregisterReaderHandler("bench")
	return b.db.WithContext(ctx).Exec("LOAD DATA LOCAL INFILE 'Reader::bench' INTO TABLE " + table + " CHARACTER SET utf8mb4 (" + columns + ")").Error
}

func plain(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`).Replace(s)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }
