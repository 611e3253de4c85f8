package channel

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/keyring"
	"zhiyin/service/vault"
)

// MassRules is how mass messages of an account are followed up. The zero value is never used: unset fields have defaults.
type MassRules struct {
	Rule         string `json:"rule"`               // what the admin lets customers receive: RuleMonth, RuleWeek, RuleDay
	ConfirmHours int    `json:"confirm_hours"`      // how long senders have; 1–168, default 24
	RemindHours  int    `json:"remind_hours"`       // when they are reminded, and how often again; 1–72, default 4
	Reminders    int    `json:"reminders"`          // how often in 24 hours; 0–3, default 2
	Reroute      bool   `json:"reroute"`            // another follower gets what was not confirmed
	Fallback     string `json:"fallback,omitempty"` // where there is no other: another channel, such as inbox; empty: none
}

var defaultRules = MassRules{Rule: RuleMonth, ConfirmHours: 24, RemindHours: 4, Reminders: 2, Reroute: true}

// ConfirmWithin is how long senders have to confirm.
func (r MassRules) ConfirmWithin() time.Duration { return time.Duration(r.ConfirmHours) * time.Hour }

// RemindAfter is how long after its creation, and after a reminder, a sender is reminded.
func (r MassRules) RemindAfter() time.Duration { return time.Duration(r.RemindHours) * time.Hour }

// settings keeps what was read of the rows for a moment: every call asks.
type settings struct {
	mu   sync.Mutex
	at   time.Time
	rows map[settingKey]model.ChannelSetting
}

type settingKey struct {
	channel string
	account int64
}

const settingsLife = 5 * time.Second

// setting reads what is set for a channel in an account, or else for all accounts; nil: nothing. It takes the caller's
// transaction, whose connection may be the only one.
func (s *Service) setting(tx *gorm.DB, channel string, accountID int64) (*model.ChannelSetting, error) {
	rows := s.settings.get(s.now())
	if rows == nil {
		var err error
		if rows, err = allSettings(tx); err != nil {
			return nil, err
		}
		s.settings.put(rows, s.now())
	}
	for _, id := range []int64{accountID, 0} {
		if row, ok := rows[settingKey{channel, id}]; ok {
			return &row, nil
		}
	}
	return nil, nil
}

// enabledSettings reads the settings and the secret of a channel that is switched on; nil: it is not.
func enabledSettings[T any](ctx context.Context, s *Service, channel string, accountID int64) (*T, string, error) {
	row, err := s.setting(s.DB.WithContext(ctx), channel, accountID)
	if err != nil || row == nil || !row.Enabled {
		return nil, "", err
	}
	var set T
	if err := json.Unmarshal([]byte(row.Settings), &set); err != nil {
		return nil, "", fmt.Errorf("read the settings of %s: %w", channel, err)
	}
	secret, err := s.secretOf(row)
	return &set, secret, err
}

func (k *settings) get(now time.Time) map[settingKey]model.ChannelSetting {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now.Sub(k.at).Abs() > settingsLife {
		return nil
	}
	return k.rows
}

func (k *settings) put(rows map[settingKey]model.ChannelSetting, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rows, k.at = rows, now
}

func (s *Service) forgetSettings() { s.settings.put(nil, time.Time{}) }

// massRules are the rules of an account; the defaults while none are set.
func (s *Service) massRules(tx *gorm.DB, accountID int64) (MassRules, error) {
	rules := defaultRules
	row, err := s.setting(tx, NameMass, accountID)
	if err != nil || row == nil {
		return rules, err
	}
	if err := json.Unmarshal([]byte(row.Settings), &rules); err != nil {
		return rules, fmt.Errorf("read the rules of mass messages: %w", err)
	}
	return rules, nil
}

// keepSetting writes what is set for a channel. secret nil: the one that is there stays.
func (s *Service) keepSetting(ctx context.Context, channel string, accountID, by int64, enabled bool, value any, secret *string) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	row := model.ChannelSetting{Channel: channel, AccountID: accountID, Settings: string(text), Enabled: enabled, UpdatedBy: by, CreatedAt: s.now(), UpdatedAt: s.now()}
	if secret != nil {
		row.SealedSecret = s.Vault.Seal(*secret, placeOfSecret(channel, accountID))
	}
	err = writeSetting(s.DB.WithContext(ctx), &row, secret != nil)
	s.forgetSettings()
	return err
}

func (s *Service) secretOf(row *model.ChannelSetting) (string, error) {
	if row.SealedSecret == nil {
		return "", nil
	}
	return s.Vault.Open(row.SealedSecret, placeOfSecret(row.Channel, row.AccountID))
}

// Seals lists where this capability keeps what is sealed, for the rotation of keys.
func Seals() []keyring.Place {
	return []keyring.Place{keyring.Rows[model.ChannelSetting]{
		Table: "channel_setting", Column: "sealed_secret", Value: func(r *model.ChannelSetting) []byte { return r.SealedSecret },
		At: func(r *model.ChannelSetting) vault.Place { return placeOfSecret(r.Channel, r.AccountID) },
	}}
}

func placeOfSecret(channel string, accountID int64) vault.Place {
	return vault.Place{Table: "channel_setting", Column: "sealed_secret", Row: fmt.Sprint(channel, ":", accountID)}
}
