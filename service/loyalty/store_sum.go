package loyalty

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// held is what an account says, and what its entries and lots say.
type held struct {
	CustomerID, Balance, Frozen, SumBalance, SumFrozen, Lots int64
}

const signed = "SUM(CASE WHEN to_book = '%[1]s' THEN points WHEN from_book = '%[1]s' THEN -points ELSE 0 END)"

// standings gives the next accounts above a customer, each with what its entries and lots say.
func standings(tx *gorm.DB, after int64, limit int) (rows []held, err error) {
	sums := fmt.Sprintf("SELECT customer_id, "+signed+" AS sum_balance", Available) + fmt.Sprintf(", "+signed+" AS sum_frozen FROM points_entry", Frozen)
	err = tx.Raw("SELECT a.customer_id, a.balance, a.frozen, COALESCE(e.sum_balance, 0) AS sum_balance, COALESCE(e.sum_frozen, 0) AS sum_frozen, COALESCE(l.lots, 0) AS lots"+
		" FROM (SELECT customer_id, balance, frozen FROM points_account WHERE customer_id > ? ORDER BY customer_id LIMIT ?) a"+
		" LEFT JOIN ("+sums+" WHERE customer_id > ? GROUP BY customer_id) e ON e.customer_id = a.customer_id"+
		" LEFT JOIN (SELECT customer_id, SUM(remaining) AS lots FROM points_lot WHERE customer_id > ? GROUP BY customer_id) l ON l.customer_id = a.customer_id"+
		" ORDER BY a.customer_id", after, limit, after, after).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("hold accounts against their entries: %w", err)
	}
	return rows, nil
}

// sumsOf gives what the entries of a customer come to.
func sumsOf(tx *gorm.DB, customerID int64) (balance, frozen, earned int64, err error) {
	var sums struct{ Balance, Frozen, Earned int64 }
	err = tx.Raw("SELECT "+fmt.Sprintf("COALESCE("+signed+", 0) AS balance, ", Available)+fmt.Sprintf("COALESCE("+signed+", 0) AS frozen, ", Frozen)+
		fmt.Sprintf("COALESCE(-"+signed+", 0) AS earned", Issued)+" FROM points_entry WHERE customer_id = ?", customerID).Scan(&sums).Error
	if err != nil {
		err = fmt.Errorf("sum the entries of customer %d: %w", customerID, err)
	}
	return sums.Balance, sums.Frozen, sums.Earned, err
}

// sumBooks adds what every book holds.
func sumBooks(tx *gorm.DB, books map[string]int64) error {
	for _, side := range []struct {
		column string
		sign   int64
	}{{"to_book", 1}, {"from_book", -1}} {
		var rows []struct {
			Book string
			N    int64
		}
		err := tx.Model(&model.PointsEntry{}).Select(side.column + " AS book, SUM(points) AS n").Group(side.column).Scan(&rows).Error
		if err != nil {
			return fmt.Errorf("sum the books: %w", err)
		}
		for _, r := range rows {
			books[r.Book] += side.sign * r.N
		}
	}
	return nil
}

func hasAccount(tx *gorm.DB, customerID int64) (bool, error) {
	var n int64
	if err := tx.Model(&model.PointsAccount{}).Where("customer_id = ?", customerID).Count(&n).Error; err != nil {
		return false, fmt.Errorf("look for an account: %w", err)
	}
	return n > 0, nil
}
