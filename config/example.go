package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

type field struct {
	key    string
	doc    string
	secret bool
	value  reflect.Value // the default
}

// fields lists every setting in the order of the struct.
func fields() []field {
	return fieldsOf(reflect.ValueOf(Default()), "")
}

func fieldsOf(v reflect.Value, prefix string) []field {
	var out []field
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := prefix + f.Tag.Get("koanf")
		if f.Type.Kind() == reflect.Struct {
			out = append(out, fieldsOf(v.Field(i), key+".")...)
			continue
		}
		out = append(out, field{key, f.Tag.Get("doc"), f.Tag.Get("secret") == "true", v.Field(i)})
	}
	return out
}

// WriteExample writes the documented example file: every key with its default and meaning.
func WriteExample(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Every setting with its default. Generated from config/config.go by: make example-config\n")
	b.WriteString("# The environment goes before this file: ZHIYIN_SERVER__LISTEN is server.listen. Lines that are\n")
	b.WriteString("# marked secret are refused here; set them in the environment, or name a file: ZHIYIN_SECRET_KEY_FILE.\n")
	section := ""
	for _, f := range fields() {
		group, name, nested := strings.Cut(f.key, ".")
		if !nested {
			group, name = "", f.key
		}
		if group != section {
			section = group
			fmt.Fprintf(&b, "\n%s:\n", group)
		} else {
			b.WriteString("\n")
		}
		writeField(&b, f, name, nested)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeField(b *strings.Builder, f field, name string, nested bool) {
	indent := ""
	if nested {
		indent = "  "
	}
	fmt.Fprintf(b, "%s# %s\n", indent, f.doc)
	if f.secret {
		fmt.Fprintf(b, "%s# secret: %s\n", indent, envName(f.key))
		fmt.Fprintf(b, "%s# %s: %s\n", indent, name, yamlText(f.value))
		return
	}
	fmt.Fprintf(b, "%s%s: %s\n", indent, name, yamlText(f.value))
}

func yamlText(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return x.String()
	case string:
		return fmt.Sprintf("%q", x)
	case []string:
		return "[" + strings.Join(x, ", ") + "]"
	default:
		return fmt.Sprint(x)
	}
}
