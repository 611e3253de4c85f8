package staff

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	minPassword = 12   // characters
	maxPassword = 1024 // bytes
	minVariety  = 5    // different characters
)

// commonPasswords holds passwords, and words around which people build them, that guessers try
// first: one a line, lower case.
//
//go:embed common_passwords.txt
var commonPasswords string

var common = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for line := range strings.Lines(commonPasswords) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			set[line] = true
		}
	}
	return set
})

// checkPassword holds a new password against the rules. It fails with ErrWeakPassword, which says why.
func checkPassword(password, login string) error {
	lower := strings.ToLower(password)
	switch {
	case utf8.RuneCountInString(password) < minPassword:
		return weak("至少 12 个字符 / at least 12 characters")
	case len(password) > maxPassword || !utf8.ValidString(password):
		return weak("太长或含有无法识别的字符 / too long, or not text")
	case strings.TrimSpace(lower) == login:
		return weak("不能与登录名相同 / must differ from the login")
	case variety(lower) < minVariety:
		return weak("重复的字符太多 / too few different characters")
	case common()[lower] || common()[core(lower)]:
		return weak("太常见，容易被猜中 / too common, easily guessed")
	}
	return nil
}

func weak(reason string) error { return ErrWeakPassword.With("password", reason) }

// core is what is left of "123Password2026!" without what is usually put around a word.
func core(lower string) string {
	return strings.TrimFunc(lower, func(r rune) bool { return !unicode.IsLetter(r) })
}

func variety(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}
