package coupon

import (
	"context"
	"errors"
	"strconv"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// The bounds of guessing codes.
const (
	maxGuesses  = 10
	guessWindow = 10 * time.Minute
)

// guessers are those whom a wrong code is laid to: hashes of customer, device and address.
func guessers(customerID int64, device, address string, key []byte) (who [][]byte) {
	for what, text := range map[string]string{"guess customer": strconv.FormatInt(customerID, 10), "guess device": device, "guess address": address} {
		if text != "" {
			h := traced(key, what, text)
			who = append(who, h[:])
		}
	}
	return who
}

func isCode(err error) bool { return errors.Is(err, ErrCode) }

// guessable fails with ErrGuesses while one of them has tried too many wrong codes.
func (s *Service) guessable(ctx context.Context, who [][]byte) error {
	now := s.Now()
	most, err := guessesSince(s.DB.WithContext(ctx), who, now.Add(-guessWindow))
	if err == nil && most >= maxGuesses {
		return ErrGuesses.After(guessWindow)
	}
	return err
}

// noteGuess lays one more wrong code to them.
func (s *Service) noteGuess(ctx context.Context, who [][]byte) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return insertGuesses(tx, who, s.Now()) })
}

// PruneRequests forgets wrong codes that count no more, and answers older than a caller repeats requests.
func (s *Service) PruneRequests(ctx context.Context) error {
	db := s.DB.WithContext(ctx)
	if err := deleteGuesses(db, s.Now().Add(-2*guessWindow)); err != nil {
		return err
	}
	for {
		n, err := deleteRequests(db, s.Now().Add(-keepRequests), statementRows)
		if err != nil || n == 0 {
			return err
		}
	}
}

// keepRequests is how long a request may be repeated and be known.
const keepRequests = 90 * 24 * time.Hour
