package callback_test

import (
	"net/http"
	"net/url"
	"testing"
)

// FuzzPush sends anything at all: whatever it is, the answer is one of those that are allowed for what
// nobody with the keys has signed, and nothing is stored.
func FuzzPush(f *testing.F) {
	f.Add("msg_signature=a&timestamp=1&nonce=n", "<xml><Encrypt>QUJD</Encrypt></xml>")
	f.Add("msg_signature=a&msg_signature=b", "{}")
	f.Add("encrypt_type=aes&msg_signature=a&timestamp=1795320000&nonce=n", `{"Encrypt":"QUJD"}`)
	f.Add("%zz=&&&;", "<!DOCTYPE x>")
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, query, body string) {
		for _, path := range []string{"/callback/wecom/acme", "/callback/miniapp/shop"} {
			for _, method := range []string{http.MethodPost, http.MethodGet} {
				switch rec := w.send(method, &url.URL{Path: path, RawQuery: query}, body); rec.Code {
				case http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge:
				default:
					t.Fatalf("%s %s: got %d", method, path, rec.Code)
				}
			}
		}
	})
}

// FuzzDecrypt signs anything correctly, so that everything behind the signature meets it.
func FuzzDecrypt(f *testing.F) {
	key := newKey(f, token, aesKey, corpID)
	f.Add("")
	f.Add("QUJD")
	f.Add(key.Encrypt([]byte("<xml><a>1</a></xml>"))[:64])
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==")
	f.Fuzz(func(t *testing.T, sealed string) {
		if !key.Verify(key.Sign("1", "n", sealed), "1", "n", sealed) {
			t.Fatal("own signature refused")
		}
		message, err := key.Decrypt(sealed)
		if err == nil {
			// Only who has the AES key makes what decrypts for this receiver.
			t.Fatalf("%q decrypts to %q", sealed, message)
		}
	})
}
