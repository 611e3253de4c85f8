package acquisition

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

// take reads one row; nil when there is none.
func take[Row any](q *gorm.DB) (*Row, error) {
	var row Row
	err := q.Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %T: %w", row, err)
	}
	return &row, nil
}

// Rows of other capabilities, read only.

func accountByID(tx *gorm.DB, id int64) (*model.Account, error) {
	return take[model.Account](tx.Where("id = ?", id))
}

func wecomAccounts(tx *gorm.DB) (list []model.Account, err error) {
	err = tx.Where("kind = 'wecom' AND enabled = ?", true).Order("id").Find(&list).Error
	return list, err
}

func staffByID(tx *gorm.DB, id int64) (*model.Staff, error) {
	row, err := take[model.Staff](tx.Where("id = ?", id))
	if row == nil && err == nil {
		row = &model.Staff{}
	}
	return row, err
}

func countStaff(tx *gorm.DB, accountID int64, ids []int64) (n int64, err error) {
	err = tx.Model(&model.Staff{}).Where("account_id = ? AND id IN ?", accountID, ids).Count(&n).Error
	return n, err
}

func countTags(tx *gorm.DB, accountID int64, ids []int64) (n int64, err error) {
	err = tx.Model(&model.Tag{}).Where("account_id = ? AND id IN ?", accountID, ids).Count(&n).Error
	return n, err
}

// departmentChain lists the rows of a department and those above it, nearest first.
func departmentChain(tx *gorm.DB, accountID, platformID int64) (ids []int64, err error) {
	const deepest = 32 // the platform allows 15; a circle ends here
	for range deepest {
		d, err := take[model.Department](tx.Where("account_id = ? AND platform_id = ? AND gone_at IS NULL", accountID, platformID))
		if err != nil || d == nil {
			return ids, err
		}
		ids = append(ids, d.ID)
		platformID = d.ParentPlatformID
	}
	return ids, nil
}

// Channel codes.

// lockCode reads a code that operators have made and not deleted, and keeps others from changing it.
func lockCode(tx *gorm.DB, id int64) (*model.ChannelCode, error) {
	row, err := take[model.ChannelCode](model.ForUpdate(tx).Where("id = ? AND gone_at IS NULL AND "+notPersonal, id))
	if row == nil && err == nil {
		err = ErrCodeNotFound
	}
	return row, err
}

func codeByID(tx *gorm.DB, id int64) (*model.ChannelCode, error) {
	return take[model.ChannelCode](tx.Where("id = ?", id))
}

func codeByState(tx *gorm.DB, state string) (*model.ChannelCode, error) {
	return take[model.ChannelCode](tx.Where("state = ?", state))
}

// codesByState finds the codes behind keys; of a personal code it is the pattern.
func codesByState(tx *gorm.DB, accountID int64, states []string) (map[string]*model.ChannelCode, error) {
	ours := make([]string, 0, len(states))
	for _, s := range states {
		if isState(s) {
			ours = append(ours, s)
		}
	}
	if len(ours) == 0 {
		return nil, nil
	}
	var rows []model.ChannelCode
	if err := tx.Where("account_id = ? AND state IN ?", accountID, ours).Find(&rows).Error; err != nil || len(rows) == 0 {
		return nil, err
	}
	patterns, err := patternsOf(tx, rows)
	if err != nil {
		return nil, err
	}
	found := make(map[string]*model.ChannelCode, len(rows))
	for _, c := range rows {
		found[c.State] = patterns[c.ID]
	}
	return found, nil
}

func codeAndAccount(tx *gorm.DB, id int64) (*model.ChannelCode, *model.Account, error) {
	code, err := codeByID(tx, id)
	if err != nil || code == nil {
		return nil, nil, err
	}
	account, err := accountByID(tx, code.AccountID)
	if err == nil && account == nil {
		return nil, nil, nil
	}
	return code, account, err
}

func enabledCodes(tx *gorm.DB, after int64, limit int) (list []model.ChannelCode, err error) {
	err = tx.Where("id > ? AND enabled = ? AND gone_at IS NULL AND "+notPersonal, after, true).
		Where("account_id IN (?)", tx.Model(&model.Account{}).Select("id").Where("enabled = ?", true)).
		Order("id").Limit(limit).Find(&list).Error
	return list, err
}

func listCodes(tx *gorm.DB, f CodeFilter) (list []model.ChannelCode, err error) {
	q := tx.Where("gone_at IS NULL AND " + notPersonal)
	if f.AccountID != 0 {
		q = q.Where("account_id = ?", f.AccountID)
	}
	if f.Search != "" {
		like := "%" + likeEscape.Replace(f.Search) + "%"
		q = q.Where("(name LIKE ? ESCAPE '!' OR source_name LIKE ? ESCAPE '!')", like, like)
	}
	if f.Enabled != nil {
		q = q.Where("enabled = ?", *f.Enabled)
	}
	if f.After != 0 {
		q = q.Where("id < ?", f.After)
	}
	err = q.Order("id DESC").Limit(pageLimit(f.Limit)).Find(&list).Error
	return list, err
}

var likeEscape = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

func pageLimit(n int) int {
	if n <= 0 {
		return 50
	}
	return min(n, 200)
}

func updateCode(tx *gorm.DB, id int64, set map[string]any) error {
	return tx.Model(&model.ChannelCode{}).Where("id = ?", id).UpdateColumns(set).Error
}

// replaceCodeParts writes staff, shifts and tags anew; a refusal by the platform is kept.
func replaceCodeParts(tx *gorm.DB, codeID int64, in CodeInput) error {
	var old []model.ChannelCodeStaff
	if err := tx.Where("channel_code_id = ?", codeID).Find(&old).Error; err != nil {
		return err
	}
	refused := map[int64]*time.Time{}
	for _, m := range old {
		refused[m.StaffID] = m.RefusedUntil
	}
	for _, row := range []any{&model.ChannelCodeStaff{}, &model.ChannelCodeShift{}, &model.ChannelCodeTag{}} {
		if err := tx.Where("channel_code_id = ?", codeID).Delete(row).Error; err != nil {
			return err
		}
	}
	var staff []model.ChannelCodeStaff
	var shifts []model.ChannelCodeShift
	for _, m := range in.Staff {
		staff = append(staff, model.ChannelCodeStaff{
			ChannelCodeID: codeID, StaffID: m.StaffID, DailyLimit: m.DailyLimit, IsSpare: m.Spare, RefusedUntil: refused[m.StaffID],
		})
		for _, t := range m.Shifts {
			shifts = append(shifts, model.ChannelCodeShift{ChannelCodeID: codeID, StaffID: m.StaffID, Weekdays: t.Weekdays, FromMinute: t.From, ToMinute: t.To})
		}
	}
	tags := map[int64]bool{}
	var labels []model.ChannelCodeTag
	for _, t := range in.TagIDs {
		if !tags[t] {
			labels = append(labels, model.ChannelCodeTag{ChannelCodeID: codeID, TagID: t})
		}
		tags[t] = true
	}
	return errors.Join(insertAll(tx, staff), insertAll(tx, shifts), insertAll(tx, labels))
}

func insertAll[Row any](tx *gorm.DB, rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	return tx.CreateInBatches(rows, 200).Error
}

func codeParts(tx *gorm.DB, codeID int64) (staff []CodeStaff, tagIDs []int64, err error) {
	var members []model.ChannelCodeStaff
	if err := tx.Where("channel_code_id = ?", codeID).Order("id").Find(&members).Error; err != nil {
		return nil, nil, err
	}
	shifts, err := shiftsOf(tx, []int64{codeID})
	if err != nil {
		return nil, nil, err
	}
	for _, m := range members {
		staff = append(staff, CodeStaff{m.StaffID, m.DailyLimit, m.IsSpare, shifts[codeStaffKey{codeID, m.StaffID}]})
	}
	err = tx.Model(&model.ChannelCodeTag{}).Where("channel_code_id = ?", codeID).Order("id").Pluck("tag_id", &tagIDs).Error
	return staff, tagIDs, err
}

type codeStaffKey struct{ codeID, staffID int64 }

func shiftsOf(tx *gorm.DB, codeIDs []int64) (map[codeStaffKey][]Shift, error) {
	var rows []model.ChannelCodeShift
	if err := tx.Where("channel_code_id IN ?", codeIDs).Order("id").Find(&rows).Error; err != nil {
		return nil, err
	}
	shifts := map[codeStaffKey][]Shift{}
	for _, r := range rows {
		k := codeStaffKey{r.ChannelCodeID, r.StaffID}
		shifts[k] = append(shifts[k], Shift{r.Weekdays, r.FromMinute, r.ToMinute})
	}
	return shifts, nil
}

// candidatesOf reads all that decide asks about.
func candidatesOf(tx *gorm.DB, codeIDs []int64, day string, now time.Time) (map[int64][]candidate, error) {
	var rows []struct {
		ChannelCodeID, StaffID, Added int64
		DailyLimit, PlatformStatus    int
		IsSpare, ServesCustomers      bool
		RefusedUntil, GoneAt          *time.Time
		UserID                        string `gorm:"column:userid"`
	}
	err := tx.Table("channel_code_staff AS m").
		Select("m.channel_code_id, m.staff_id, m.daily_limit, m.is_spare, m.refused_until, s.userid, s.platform_status, s.serves_customers, s.gone_at, COALESCE(d.added, 0) AS added").
		Joins("JOIN staff s ON s.id = m.staff_id").
		Joins("LEFT JOIN channel_code_day d ON d.channel_code_id = m.channel_code_id AND d.staff_id = m.staff_id AND d.day = ?", day).
		Where("m.channel_code_id IN ?", codeIDs).Order("m.id").Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read staff of channel codes: %w", err)
	}
	shifts, err := shiftsOf(tx, codeIDs)
	if err != nil {
		return nil, err
	}
	out := map[int64][]candidate{}
	for _, r := range rows {
		const unknown, active = 0, 1 // platform_status
		here := r.GoneAt == nil && r.ServesCustomers && (r.PlatformStatus == unknown || r.PlatformStatus == active)
		out[r.ChannelCodeID] = append(out[r.ChannelCodeID], candidate{
			userID: r.UserID, limit: r.DailyLimit, today: r.Added, spare: r.IsSpare,
			usable: here && (r.RefusedUntil == nil || !r.RefusedUntil.After(now)),
			shifts: shifts[codeStaffKey{r.ChannelCodeID, r.StaffID}],
		})
	}
	return out, nil
}

// Pushes.

func notePush(tx *gorm.DB, id int64, note string) error {
	return updateCode(tx, id, map[string]any{"push_error": note})
}

// recordPush writes down what the platform knows, unless another worker has been at it meanwhile: then
// nobody can say whose word was last, and the hash becomes unknown.
func recordPush(tx *gorm.DB, id int64, mark, hash, note string, now time.Time) error {
	res := tx.Model(&model.ChannelCode{}).Where("id = ? AND pushed_hash = ?", id, mark).
		UpdateColumns(map[string]any{"pushed_hash": hash, "push_error": note, "pushed_at": now})
	if res.Error != nil || res.RowsAffected == 1 {
		return res.Error
	}
	return updateCode(tx, id, map[string]any{"pushed_hash": ""})
}

func beginCreation(tx *gorm.DB, id int64, since time.Time) (bool, error) {
	res := tx.Model(&model.ChannelCode{}).Where("id = ? AND config_id = '' AND creating_since IS NULL", id).
		UpdateColumns(map[string]any{"creating_since": since})
	return res.RowsAffected == 1, res.Error
}

func endCreation(tx *gorm.DB, id int64, since time.Time) error {
	return tx.Model(&model.ChannelCode{}).Where("id = ? AND config_id = '' AND creating_since = ?", id, since).
		UpdateColumns(map[string]any{"creating_since": nil}).Error
}

func adoptWay(tx *gorm.DB, id int64, configID, qrCode string) (bool, error) {
	res := tx.Model(&model.ChannelCode{}).Where("id = ? AND config_id = ''", id).
		UpdateColumns(map[string]any{"config_id": configID, "qr_code": qrCode, "creating_since": nil})
	return res.RowsAffected == 1, res.Error
}

// notOurs leaves out the contact ways that channel codes have.
func notOurs(tx *gorm.DB, configIDs []string) ([]string, error) {
	if len(configIDs) == 0 {
		return nil, nil
	}
	var ours []string
	if err := tx.Model(&model.ChannelCode{}).Where("config_id IN ?", configIDs).Pluck("config_id", &ours).Error; err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, id := range ours {
		known[id] = true
	}
	var strays []string
	for _, id := range configIDs {
		if !known[id] {
			strays = append(strays, id)
		}
	}
	return strays, nil
}

func membersNamed(tx *gorm.DB, codeID int64, userIDs []string) *gorm.DB {
	staff := tx.Model(&model.Staff{}).Select("id").Where("userid IN ?", userIDs)
	return tx.Model(&model.ChannelCodeStaff{}).Where("channel_code_id = ? AND staff_id IN (?)", codeID, staff)
}

func refuse(tx *gorm.DB, codeID int64, userIDs []string, until time.Time) error {
	return membersNamed(tx, codeID, userIDs).UpdateColumns(map[string]any{"refused_until": until}).Error
}

func forgetRefusals(tx *gorm.DB, codeID int64) error {
	return tx.Model(&model.ChannelCodeStaff{}).Where("channel_code_id = ?", codeID).UpdateColumns(map[string]any{"refused_until": nil}).Error
}

// refusedMembers lists the user ids of those who are left out.
func refusedMembers(tx *gorm.DB, codeID int64, now time.Time) (userIDs []string, err error) {
	err = tx.Table("channel_code_staff AS m").Joins("JOIN staff s ON s.id = m.staff_id").
		Where("m.channel_code_id = ? AND m.refused_until > ?", codeID, now).Order("s.userid").Pluck("s.userid", &userIDs).Error
	return userIDs, err
}

// Counters.

// count raises one counter by one, in one statement, whatever the number of those doing so.
func count(tx *gorm.DB, codeID, staffID int64, day, column string) error {
	row := map[string]any{"channel_code_id": codeID, "staff_id": staffID, "day": day, "added": 0, "lost": 0}
	row[column] = 1
	return tx.Model(&model.ChannelCodeDay{}).Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "channel_code_id"}, {Name: "staff_id"}, {Name: "day"}},
		DoUpdates: clause.Assignments(map[string]any{column: gorm.Expr("channel_code_day." + column + " + 1")}),
	}).Create(row).Error
}

// justFull tells whether the caller's own arrival was the one that reached somebody's daily limit. The caller
// holds the counter's row since it raised it.
func justFull(tx *gorm.DB, codeID, staffID int64, day string) (bool, error) {
	var n int64
	err := tx.Table("channel_code_staff AS m").
		Joins("JOIN channel_code_day d ON d.channel_code_id = m.channel_code_id AND d.staff_id = m.staff_id AND d.day = ?", day).
		Where("m.channel_code_id = ? AND m.staff_id = ? AND m.daily_limit > 0 AND d.added = m.daily_limit", codeID, staffID).Count(&n).Error
	return n > 0, err
}

type codeTotal struct{ ChannelCodeID, Added, Lost, Today int64 }

func codeTotals(tx *gorm.DB, ids []int64, today string) (map[int64]codeTotal, error) {
	var rows []codeTotal
	err := tx.Model(&model.ChannelCodeDay{}).
		Select("channel_code_id, SUM(added) AS added, SUM(lost) AS lost, SUM(CASE WHEN day = ? THEN added ELSE 0 END) AS today", today).
		Where("channel_code_id IN ?", ids).Group("channel_code_id").Scan(&rows).Error
	totals := make(map[int64]codeTotal, len(rows))
	for _, r := range rows {
		totals[r.ChannelCodeID] = r
	}
	return totals, err
}

func codeDays(tx *gorm.DB, codeID int64, from, to string) (rows []model.ChannelCodeDay, err error) {
	err = tx.Where("channel_code_id = ? AND day BETWEEN ? AND ?", codeID, from, to).Find(&rows).Error
	return rows, err
}

// liveTags lists a code's tags that still exist.
func liveTags(tx *gorm.DB, codeID int64) (ids []int64, err error) {
	err = tx.Table("channel_code_tag AS m").Joins("JOIN tag ON tag.id = m.tag_id AND tag.gone_at IS NULL").
		Where("m.channel_code_id = ?", codeID).Order("m.id").Pluck("m.tag_id", &ids).Error
	return ids, err
}
