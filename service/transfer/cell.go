package transfer

import (
	"strconv"
	"time"

	"zhiyin/model"
)

// cell writes a number.
func cell(n int64) string { return strconv.FormatInt(n, 10) }

// yuan writes fen as people read them.
func yuan(f model.Fen) string {
	sign := ""
	if f < 0 {
		sign, f = "-", -f
	}
	return sign + cell(int64(f/100)) + "." + strconv.Itoa(int(f%100/10)) + strconv.Itoa(int(f%10))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func fenOf(n int64) model.Fen { return model.Fen(n) }

// moment writes a time in the zone of the business.
func moment(t *time.Time, zone *time.Location) string {
	if t == nil {
		return ""
	}
	return t.In(zone).Format("2006-01-02 15:04:05")
}
