package api

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// param is a field of an input that comes from the address or a header.
type param struct {
	index    []int
	in, name string
	absent   string // what it is when it is not said
	required bool
	schema   *huma.Schema
}

// newParam reads what the tags of a field say; it panics when they say nothing.
func newParam(f reflect.StructField, registry huma.Registry) param {
	p := param{index: f.Index, absent: f.Tag.Get("default")}
	for _, p.in = range []string{"path", "query", "header", "cookie"} {
		if p.name = f.Tag.Get(p.in); p.name != "" {
			break
		}
	}
	if p.name == "" {
		panic("nothing says where " + f.Name + " comes from")
	}
	if _, err := parse(reflect.New(f.Type).Elem(), ""); errors.Is(err, errNoParam) {
		panic(fmt.Sprintf("%s: %v: %s", f.Name, err, f.Type))
	}
	p.required = p.in == "path" || f.Tag.Get("required") == "true"
	p.schema = huma.SchemaFromField(registry, f, "")
	return p
}

func (p *param) document() *huma.Param {
	d := &huma.Param{Name: p.name, In: p.in, Description: p.schema.Description, Required: p.required, Schema: p.schema}
	if p.in == "query" {
		d.Explode = new(bool) // lists are one value with commas
	}
	return d
}

// read sets v to what a request says; what is wrong with it goes to found.
func (p *param) read(ctx huma.Context, v reflect.Value, registry huma.Registry, path *huma.PathBuffer, found *huma.ValidateResult) {
	text := p.text(ctx)
	if text == "" {
		if p.required {
			found.Add(path, "", "required "+p.in+" parameter is missing")
		}
		return
	}
	value, err := parse(v, text)
	if err != nil {
		found.Add(path, text, err.Error())
		return
	}
	huma.Validate(registry, p.schema, path, huma.ModeWriteToServer, value, found)
}

func (p *param) text(ctx huma.Context) (text string) {
	switch p.in {
	case "path":
		text = ctx.Param(p.name)
	case "query":
		text = ctx.Query(p.name)
	case "header":
		text = ctx.Header(p.name)
	case "cookie":
		if c, err := huma.ReadCookie(ctx, p.name); err == nil {
			text = c.Value
		}
	}
	if text == "" {
		return p.absent
	}
	return text
}

var errNoParam = errors.New("no parameter can be of this type")

// parse sets v to what a text means and returns that as validation wants to see it.
func parse(v reflect.Value, text string) (any, error) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return text, nil
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, errors.New("invalid integer")
		}
		v.SetInt(n)
		return n, nil
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, errors.New("invalid float")
		}
		v.SetFloat(n)
		return n, nil
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, errors.New("invalid boolean")
		}
		v.SetBool(b)
		return b, nil
	}
	switch target := v.Addr().Interface().(type) {
	case *[]string:
		*target = strings.Split(text, ",")
		return *target, nil
	case *time.Time:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return nil, errors.New("invalid time")
		}
		*target = t
		return text, nil
	}
	return nil, errNoParam
}
