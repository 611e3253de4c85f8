package transfer

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	zone := time.FixedZone("+8", 8*3600)
	tests := []struct {
		kind Kind
		cell string
		want Value
		bad  bool
	}{
		{Money, "12.34", Value{Number: 1234}, false},
		{Money, "１２．５", Value{Number: 1250}, false},
		{Money, "¥1,234,567.80", Value{Number: 123456780}, false},
		{Money, "0.1", Value{Number: 10}, false},
		{Money, "19.990000000000002", Value{Number: 1999}, false}, // as a spreadsheet stores 19.99
		{Money, "1.005", Value{}, true},
		{Money, "-1", Value{}, true},
		{Money, "1e3", Value{Number: 100000}, false},
		{Money, "NaN", Value{}, true},
		{Money, "99999999999999999999", Value{}, true},
		{Money, ".5", Value{}, true},
		{Number, "-2.5", Value{Number: -25000}, false},
		{Number, "0x10", Value{}, true},
		{Count, "3", Value{Number: 3}, false},
		{Count, "3.0", Value{Number: 3}, false},
		{Count, "3.5", Value{}, true},
		{Date, "2026年2月28日", Value{Day: "2026-02-28"}, false},
		{Date, "2026-2-29", Value{}, true},
		{Date, "45291", Value{Day: "2023-12-31"}, false},
		{Date, "7", Value{}, true},
		{Time, "2026-11-22 08:00", Value{Time: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}, false},
		{Time, "2026-11-22T08:00:00+08:00", Value{Time: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}, false},
		{Text, "\ufffd", Value{}, true},
	}
	for _, tt := range tests {
		got, reason := Column{Kind: tt.kind}.parse(tt.cell, zone)
		if (reason != "") != tt.bad || !tt.bad && (got.Number != tt.want.Number || got.Day != tt.want.Day || !got.Time.Equal(tt.want.Time)) {
			t.Errorf("%s %q: got %+v %q", tt.kind, tt.cell, got, reason)
		}
	}
	gender := Column{Kind: Choice, Choices: []Option{{"1", []string{"男", "male"}}, {"2", []string{"女", "female"}}}}
	if v, reason := gender.parse(" Female ", zone); v.Text != "2" || reason != "" {
		t.Errorf("got %+v %q", v, reason)
	}
	if v, _ := (Column{Kind: List}).parse("老客户，VIP; 老客户、", zone); len(v.List) != 2 || v.List[1] != "VIP" {
		t.Errorf("got %+v", v)
	}
}
