package wecom

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
)

// Secret is text that must not be read by accident: printing, logging or encoding it shows only
// that it is there.
type Secret string

const redacted = "[redacted]"

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the text.
func (s Secret) String() string { return redacted }

// Format hides the text from the verbs of package fmt.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue hides the text from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the text from JSON, XML and YAML values.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// app is one account at the platform, as far as one call needs it.
type app struct {
	account string
	host    string
	owner   string // corp or app id: whom the platform counts calls against
	key     string // owner, agent and a digest of the secret: whom one access token belongs to
	cred    Credential
}

// corpApp resolves a WeCom account.
func (g *Gateway) corpApp(ctx context.Context, account string) (*app, error) {
	cred, err := g.accounts(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("wecom: find account %q: %w", account, err)
	}
	if cred.CorpID == "" || cred.Secret == "" {
		return nil, &Error{Account: account, Class: ClassCredential, Message: "the account has no corp id or no secret"}
	}
	return newApp(account, qyapi, cred.CorpID, strconv.FormatInt(cred.AgentID, 10), cred), nil
}

// miniApp resolves a mini-program account.
func (g *Gateway) miniApp(ctx context.Context, account string) (*app, error) {
	cred, err := g.accounts(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("wecom: find account %q: %w", account, err)
	}
	if cred.AppID == "" || cred.Secret == "" {
		return nil, &Error{Account: account, Class: ClassCredential, Message: "the account has no app id or no secret"}
	}
	return newApp(account, weixin, cred.AppID, "mini", cred), nil
}

// newApp includes a digest of the secret in the key: two secrets with one agent id are two apps
// with rights of their own, and a rotated secret must not meet the old one's failures.
func newApp(account, host, owner, agent string, cred Credential) *app {
	digest := sha256.Sum256([]byte(cred.Secret))
	return &app{
		account: account, host: host, owner: owner, cred: cred,
		key: owner + "/" + agent + "/" + hex.EncodeToString(digest[:8]),
	}
}
