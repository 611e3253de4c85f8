package customer

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// ownersOf gives, for each claim, the identity as it is stored, in one statement; nil when it is nobody's.
func ownersOf(tx *gorm.DB, claims []claim) ([]*model.Identity, error) {
	out := make([]*model.Identity, len(claims))
	if len(claims) == 0 {
		return out, nil
	}
	q := tx.Session(&gorm.Session{NewDB: true})
	for _, c := range claims {
		q = q.Or("kind = ? AND scope = ? AND value IN ?", c.name, c.scope, c.values)
	}
	var rows []*model.Identity
	if err := tx.Where(q).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find identities: %w", err)
	}
	for i, c := range claims {
		for _, row := range rows {
			if c.is(row) {
				out[i] = row
			}
		}
	}
	return out, nil
}

// knownKeys tells which claims are somebody's already, by claim.keyOf of the value that is stored.
func knownKeys(tx *gorm.DB, claims []claim) (map[string]bool, error) {
	values := map[[2]string][]string{}
	for _, c := range claims {
		at := [2]string{c.name, c.scope}
		values[at] = append(values[at], c.values...)
	}
	known := map[string]bool{}
	for at, list := range values {
		var there []string
		if err := tx.Model(&model.Identity{}).Where("kind = ? AND scope = ? AND value IN ?", at[0], at[1], list).Pluck("value", &there).Error; err != nil {
			return nil, fmt.Errorf("find identities: %w", err)
		}
		for _, v := range there {
			known[claim{identityKind: identityKind{name: at[0]}, scope: at[1]}.keyOf(v)] = true
		}
	}
	return known, nil
}

func deleteIdentities(tx *gorm.DB, rows []*model.Identity) error {
	if len(rows) == 0 {
		return nil
	}
	if err := tx.Delete(rows).Error; err != nil {
		return fmt.Errorf("delete identities: %w", err)
	}
	return nil
}

func updateIdentity(tx *gorm.DB, id int64, set map[string]any) error {
	if len(set) == 0 {
		return nil
	}
	if err := tx.Model(&model.Identity{}).Where("id = ?", id).UpdateColumns(set).Error; err != nil {
		return fmt.Errorf("update identity: %w", err)
	}
	return nil
}

func phonesOf(tx *gorm.DB, customerIDs []int64) (rows []model.Identity, err error) {
	if err := tx.Where("kind = ? AND customer_id IN ?", KindPhone, customerIDs).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find phone numbers: %w", err)
	}
	return rows, nil
}
