package logs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"zhiyin/logs"
)

func TestRequestID(t *testing.T) {
	var b bytes.Buffer
	log := logs.New(&b, "json", "info").With("part", "x").WithGroup("g")
	ctx := logs.WithRequestID(context.Background(), "r1")
	log.InfoContext(ctx, "in a request", "a", 1)
	log.Info("outside")
	log.Debug("too talkative")
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 2 || logs.RequestID(ctx) != "r1" || logs.RequestID(context.Background()) != "" {
		t.Fatalf("%q", lines)
	}
	var first map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
		t.Fatal(err)
	}
	if first["part"] != "x" || !strings.Contains(lines[0], `"request_id":"r1"`) || strings.Contains(lines[1], "request_id") {
		t.Errorf("%q", lines)
	}
}

func TestLevelThatIsNoneMeansInfo(t *testing.T) {
	var b bytes.Buffer
	log := logs.New(&b, "text", "loud")
	log.Debug("no")
	log.Info("yes")
	if got := b.String(); strings.Contains(got, "no") || !strings.Contains(got, "yes") {
		t.Errorf("%q", got)
	}
}

// TestS65_DatabaseErrorsLoseTheirValues holds that what somebody typed does not come back by way of
// the database's complaint about it.
func TestS65_DatabaseErrorsLoseTheirValues(t *testing.T) {
	complaint := &mysql.MySQLError{Number: 1062, Message: "Duplicate entry '13800138000' for key 'uq_identity'"}
	err := fmt.Errorf("insert identity: %w", complaint)
	for _, format := range []string{"text", "json"} {
		var b bytes.Buffer
		log := logs.New(&b, format, "info")
		log.Error("a", "error", err)
		log.With("error", err).Error("b")
		log.Error("c", slog.Group("in", "reason", error(complaint)))
		if got := b.String(); strings.Contains(got, "13800138000") || strings.Count(got, "MySQL error 1062") != 3 || !strings.Contains(got, "insert identity: ") {
			t.Errorf("%s: %s", format, got)
		}
	}
	var b bytes.Buffer
	logs.New(&b, "text", "info").Error("d", "error", context.Canceled)
	if !strings.Contains(b.String(), "context canceled") {
		t.Errorf("another error: %s", b.String())
	}
}
