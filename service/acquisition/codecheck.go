package acquisition

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/service/fault"
)

const (
	maxName       = 64
	maxCodeStaff  = 100 // per contact way; platform documentation, 客户联系, 配置客户联系「联系我」方式
	maxShifts     = 50  // per staff member
	maxCodeTags   = 100
	maxDailyLimit = 100_000
	minutesPerDay = 24 * 60
	wholeWeek     = 1<<7 - 1
)

func (in CodeInput) trimmed() CodeInput {
	in.Name, in.SourceName, in.RemarkPattern = strings.TrimSpace(in.Name), strings.TrimSpace(in.SourceName), strings.TrimSpace(in.RemarkPattern)
	return in
}

// checkCode tells everything that is wrong with the settings of a code in one fault.
func checkCode(tx *gorm.DB, accountID int64, in CodeInput) error {
	f := ErrInvalidCode
	add := func(bad bool, field, reason string) {
		if bad {
			f = f.With(field, reason)
		}
	}
	add(!isLine(in.Name, 1, maxName), "name", "1 to 64 characters on one line")
	add(!isLine(in.SourceName, 0, maxName), "source_name", "at most 64 characters on one line")
	if err := checkRemark(in.RemarkPattern); err != nil {
		return err
	}
	add(len(in.Staff) == 0 || len(in.Staff) > maxCodeStaff, "staff", "1 to 100 staff members")
	add(len(in.TagIDs) > maxCodeTags, "tags", "at most 100 tags")
	ids, seen := make([]int64, 0, len(in.Staff)), map[int64]bool{}
	for i, m := range in.Staff {
		field := fmt.Sprintf("staff[%d]", i)
		add(seen[m.StaffID], field, "named twice")
		add(m.DailyLimit < 0 || m.DailyLimit > maxDailyLimit, field+".daily_limit", "0 to 100000")
		add(len(m.Shifts) > maxShifts, field+".shifts", "at most 50 shifts")
		for j, shift := range m.Shifts {
			add(!shift.valid(), fmt.Sprintf("%s.shifts[%d]", field, j), "needs a weekday, a start before midnight and an end up to midnight")
		}
		seen[m.StaffID] = true
		ids = append(ids, m.StaffID)
	}
	if err := checkRows(tx, accountID, ids, in.TagIDs, add); err != nil {
		return err
	}
	return wrong(f)
}

// checkRows tells what the input names and the account does not have.
func checkRows(tx *gorm.DB, accountID int64, staffIDs, tagIDs []int64, add func(bool, string, string)) error {
	account, err := accountByID(tx, accountID)
	if err != nil {
		return err
	}
	add(account == nil || account.Kind != "wecom", "account", "no such WeCom account")
	known, err := countStaff(tx, accountID, staffIDs)
	if err != nil {
		return err
	}
	add(known != distinct(staffIDs), "staff", "no such staff member in this account")
	known, err = countTags(tx, accountID, tagIDs)
	if err != nil {
		return err
	}
	add(known != distinct(tagIDs), "tags", "no such tag in this account")
	return nil
}

func checkRemark(pattern string) error {
	pieces, err := parse(pattern)
	if err != nil {
		return err
	}
	fixed := 0
	for _, p := range pieces {
		fixed += utf8.RuneCountInString(p.Literal)
	}
	if fixed > maxRemark || !isLine(pattern, 0, maxName) {
		return ErrInvalidCode.With("remark_pattern", "at most 20 characters besides variables, on one line")
	}
	return nil
}

// valid tells whether a shift is ever on and within the day.
func (s Shift) valid() bool {
	return s.Weekdays > 0 && s.Weekdays <= wholeWeek && s.From >= 0 && s.From < minutesPerDay && s.To >= 0 && s.To <= minutesPerDay
}

func isLine(s string, min, max int) bool {
	n := utf8.RuneCountInString(s)
	return utf8.ValidString(s) && n >= min && n <= max && !strings.ContainsFunc(s, unicode.IsControl)
}

func distinct(ids []int64) int64 {
	set := map[int64]bool{}
	for _, id := range ids {
		set[id] = true
	}
	return int64(len(set))
}

// wrong turns a fault without fields into nil.
func wrong(f *fault.Fault) error {
	if len(f.Fields) == 0 {
		return nil
	}
	return f
}
