package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// EnvPrefix begins every environment variable; levels are parted by two underscores:
// ZHIYIN_DATABASE__DSN is database.dsn. A variable that ends in _FILE names a file to read the
// value from.
const EnvPrefix = "ZHIYIN_"

// notSettings are the variables with our prefix that commands read themselves.
var notSettings = []string{"ZHIYIN_CONFIG", "ZHIYIN_ADMIN_PASSWORD", "ZHIYIN_ACCOUNT_SECRET", "ZHIYIN_ACCOUNT_CALLBACK_TOKEN", "ZHIYIN_ACCOUNT_CALLBACK_AES_KEY"}

// Load reads defaults, then the YAML file at path (none when path is empty), then environ (as from
// os.Environ), and checks the result. Its error is a sentence for the operator.
func Load(path string, environ []string) (Config, error) {
	c, err := read(path, environ)
	if err != nil {
		return Config{}, err
	}
	return c, c.check()
}

func read(path string, environ []string) (Config, error) {
	k := koanf.New(".")
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return Config{}, fmt.Errorf("configuration file %s can't be read: %w", path, err)
		}
		if key := firstSecret(k); key != "" {
			return Config{}, fmt.Errorf("%s stands in %s; secrets come only from the environment (%s) or from a file of their own (%s_FILE)",
				key, path, envName(key), envName(key))
		}
	}
	var readErr error
	known := knownKeys()
	provider := env.Provider(".", env.Opt{Prefix: EnvPrefix, EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			key, v, err := fromEnv(known, name, value)
			readErr = errors.Join(readErr, err)
			return key, v
		}})
	if err := errors.Join(k.Load(provider, nil), readErr); err != nil {
		return Config{}, err
	}
	c := Default()
	err := k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result: &c, TagName: "koanf", WeaklyTypedInput: true, ErrorUnused: true,
		DecodeHook: mapstructure.ComposeDecodeHookFunc(mapstructure.StringToTimeDurationHookFunc(), mapstructure.StringToSliceHookFunc(",")),
	}})
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return c, nil
}

// fromEnv turns ZHIYIN_REDIS__ADDR into redis.addr, and reads the file that a …_FILE variable names.
func fromEnv(known map[string]bool, name, value string) (key string, v any, err error) {
	if slices.Contains(notSettings, name) {
		return "", nil, nil
	}
	key = strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, EnvPrefix), "__", "."))
	if base, ok := strings.CutSuffix(key, "_file"); ok && known[base] {
		content, err := os.ReadFile(value)
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", name, err)
		}
		return base, strings.TrimSpace(string(content)), nil
	}
	if !known[key] {
		return "", nil, fmt.Errorf("%s names no setting; config.example.yaml lists them all", name)
	}
	return key, value, nil
}

func envName(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "__"))
}

func knownKeys() map[string]bool {
	keys := map[string]bool{}
	for _, f := range fields() {
		keys[f.key] = true
	}
	return keys
}

func firstSecret(k *koanf.Koanf) string {
	for _, f := range fields() {
		if f.secret && k.Exists(f.key) && !(f.key == "database.dsn" && strings.HasPrefix(k.String(f.key), "sqlite:")) {
			return f.key
		}
	}
	return ""
}

// Key is the decoded secret key, 32 bytes.
func (c Config) Key() []byte {
	b, _ := base64.StdEncoding.DecodeString(c.SecretKey) // check has seen it
	return b
}

// KeyBefore is the decoded secret key before the present one; nil when there is none.
func (c Config) KeyBefore() []byte {
	if c.SecretKeyBefore == "" {
		return nil
	}
	b, _ := base64.StdEncoding.DecodeString(c.SecretKeyBefore) // check has seen it
	return b
}

// SecureCookies tells whether people reach the server over https.
func (c Config) SecureCookies() bool { return strings.HasPrefix(c.Server.PublicURL, "https://") }

// SidebarPage is the address of the sidebar's page.
func (c Config) SidebarPage() string {
	if c.Sidebar.PageURL != "" {
		return c.Sidebar.PageURL
	}
	return strings.TrimSuffix(c.Server.PublicURL, "/") + "/sidebar/"
}

// SidebarOrigins are the origins whose pages may be signed.
func (c Config) SidebarOrigins() []string {
	if len(c.Sidebar.Origins) > 0 {
		return c.Sidebar.Origins
	}
	u, err := url.Parse(c.SidebarPage())
	if err != nil { // check has refused it
		return nil
	}
	return []string{u.Scheme + "://" + u.Host}
}
