package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"zhiyin/model"
	"zhiyin/service/keyring"
	"zhiyin/service/vault"
)

// The headers of what is sent.
const (
	HeaderDelivery  = "X-Zhiyin-Delivery"  // the same at every try: whoever has seen it may ignore the rest
	HeaderKind      = "X-Zhiyin-Kind"      // what happened
	HeaderTime      = "X-Zhiyin-Time"      // of this try, in seconds since 1970
	HeaderSignature = "X-Zhiyin-Signature" // one or, during a rotation, two of Sign, parted by a comma
)

// Sign gives a signature of what is sent: HMAC-SHA-256 over delivery.time.body under the secret, in hex
// after "v1=".
func Sign(secret, delivery, unix string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(delivery + "." + unix + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// The columns that hold secrets.
const (
	secretColumn    = "sealed_secret"
	oldSecretColumn = "sealed_old_secret"
)

// Seals lists where this capability keeps what is sealed, for the rotation of keys.
func Seals() []keyring.Place {
	return []keyring.Place{
		keyring.Column{Table: "webhook", Column: secretColumn}, keyring.Column{Table: "webhook", Column: oldSecretColumn},
	}
}

func place(column string, id int64) vault.Place {
	return vault.Place{Table: "webhook", Column: column, Row: strconv.FormatInt(id, 10)}
}

// signatures are those under all secrets of a webhook that are valid now.
func (s *Service) signatures(w *model.Webhook, delivery, unix string, body []byte, now time.Time) (string, error) {
	secret, err := s.Vault.Open(w.SealedSecret, place(secretColumn, w.ID))
	if err != nil {
		return "", err
	}
	list := []string{Sign(secret, delivery, unix, body)}
	if w.OldUntil != nil && now.Before(*w.OldUntil) {
		old, err := s.Vault.Open(w.SealedOldSecret, place(oldSecretColumn, w.ID))
		if err != nil {
			return "", err
		}
		list = append(list, Sign(old, delivery, unix, body))
	}
	return strings.Join(list, ","), nil
}
