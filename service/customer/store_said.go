package customer

import (
	"fmt"

	"gorm.io/gorm"
)

// saidByHand reads them; those of customers who were merged into one of these are theirs.
func saidByHand(tx *gorm.DB, ids []int64) (map[saying]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []struct {
		CustomerID      int64
		Field, NewValue string
	}
	err := tx.Raw(`SELECT customer_id, field, new_value FROM customer_change
		WHERE customer_id IN @ids AND field IN @fields AND source NOT IN @not
		UNION ALL
		SELECT m.customer_id, c.field, c.new_value FROM customer_merge m JOIN customer_change c ON c.customer_id = m.other_id
		WHERE m.customer_id IN @ids AND c.field IN @fields AND c.source NOT IN @not`,
		map[string]any{"ids": ids, "fields": ofPersons, "not": notSaid}).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find what was said of customers: %w", err)
	}
	out := make(map[saying]bool, len(rows))
	for _, r := range rows {
		out[saying{r.CustomerID, r.Field, r.NewValue}] = true
	}
	return out, nil
}
