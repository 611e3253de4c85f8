package journey

import (
	"maps"
	"slices"

	"gorm.io/gorm"

	"zhiyin/service/outreach"
)

// convertTx tells the ledger who has just reached the goal. The hold-out got nothing that could have led there.
func (s *Service) convertTx(tx *gorm.DB, runs []*run) error {
	reached := map[int64][]outreach.Reached{}
	for _, r := range runs {
		if r.goal && r.State != Held {
			reached[r.JourneyID] = append(reached[r.JourneyID], outreach.Reached{CustomerID: r.CustomerID, Occurrences: occurrences(r), At: r.did})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(reached)) {
		if _, err := s.Messages.ConvertTx(tx, outreach.SourceJourney, id, reached[id]); err != nil {
			return err
		}
	}
	return nil
}
