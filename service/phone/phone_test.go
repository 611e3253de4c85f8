package phone

import (
	"strings"
	"testing"
)

// TestP10_OnePhoneNumberHasOneForm: +86, spaces, dashes and full-width digits make no other number.
func TestP10_OnePhoneNumberHasOneForm(t *testing.T) {
	for text, want := range map[string]string{
		"13800138000": "+8613800138000", "+8613800138000": "+8613800138000", "+86 138 0013 8000": "+8613800138000",
		"0086-138-0013-8000": "+8613800138000", "8613800138000": "+8613800138000", " 138\u00a00013\u30008000 ": "+8613800138000",
		"１３８００１３８０００": "+8613800138000", "＋８６（138）0013－8000": "+8613800138000", "\u202a138.0013.8000\u202c": "+8613800138000",
		"19912345678":  "+8619912345678",
		"010-12345678": "+861012345678", "+86 (010) 1234-5678": "+861012345678", "0755 1234 5678": "+8675512345678", "+861012345678": "+861012345678", "0571-1234567": "+865711234567",
		"+852 1234 5678": "+85212345678", "00 1 212 555 0100": "+12125550100", "+447700900123": "+447700900123",

		"": "", "1380013800": "", "138001380000": "", "12012345678": "", "12345678": "", "+": "", "++8613800138000": "", "138+00138000": "",
		"138x0138000": "", "+86 1380013800": "", "+0012345678": "", "+123456": "", "+1234567890123456": "", "１３８００１３８００": "", "0000000000": "",
		"1380013800\x00": "", "１３８٠٠١٣٨٠٠٠": "", strings.Repeat(" ", 90) + "13800138000": "",
	} {
		if got, ok := Normal(text); got != want || ok != (want != "") {
			t.Errorf("Normal(%q) = %q, %v; want %q", text, got, ok, want)
		}
	}
}

func TestMasked(t *testing.T) {
	for number, want := range map[string]string{
		"+8613800138000": "138****8000", "+12125550100": "+12****0100", "": "****", "+1234567": "+12****4567", "123": "****",
	} {
		if got := Masked(number); got != want {
			t.Errorf("Masked(%q) = %q, want %q", number, got, want)
		}
	}
}

// FuzzNormal: a normal form is its own normal form, and has nothing but a plus and digits.
func FuzzNormal(f *testing.F) {
	for _, s := range []string{"13800138000", "+86 138-0013-8000", "010-12345678", "＋８５２ 1234 5678", "00 86 00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := Normal(text)
		if !ok {
			return
		}
		if again, ok := Normal(n); !ok || again != n {
			t.Errorf("Normal(%q) = %q, whose normal form is %q, %v", text, n, again, ok)
		}
		if strings.Trim(n[1:], "0123456789") != "" || n[0] != '+' || len(n) > 16 {
			t.Errorf("Normal(%q) = %q", text, n)
		}
	})
}
