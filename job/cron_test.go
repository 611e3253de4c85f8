package job

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"zhiyin/service/clock"
)

// filled gives every function of Deps its own error, by which it is known again.
func filled(t *testing.T) (d Deps, errs map[string]error) {
	t.Helper()
	errs = map[string]error{}
	v := reflect.ValueOf(&d).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch f := v.Field(i).Addr().Interface().(type) {
		case *func(context.Context) error:
			err := errors.New(name)
			errs[name] = err
			*f = func(context.Context) error { return err }
		case *string:
			*f = "17 3 * * *"
		default:
			t.Fatalf("Deps.%s is a %T", name, f)
		}
	}
	return d, errs
}

// TestAll: the list can be planned as it is, says everything about each job, and calls each
// dependency exactly once.
func TestAll(t *testing.T) {
	deps, errs := filled(t)
	jobs := All(deps)
	newRig(t).replica(clock.System, jobs...)
	called := map[error]string{}
	for _, j := range jobs {
		if j.Zh == "" || j.En == "" || j.Max <= 0 {
			t.Errorf("%s says too little of itself", j.Name)
		}
		err := j.Run(t.Context())
		if other := called[err]; other != "" {
			t.Errorf("%s and %s do the same", j.Name, other)
		}
		called[err] = j.Name
	}
	for name, err := range errs {
		if called[err] == "" {
			t.Errorf("no job calls Deps.%s", name)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	good := job("a", "* * * * *", false, nothing)
	for name, jobs := range map[string][]Job{
		"a schedule that never comes": {job("a", "0 0 31 6 *", false, nothing)},
		"a schedule of four fields":   {job("a", "* * * *", false, nothing)},
		"nothing to run":              {job("a", "* * * * *", false, nil)},
		"no name":                     {job("", "* * * * *", false, nothing)},
		"a name twice":                {good, good},
		"no longest time":             {{Name: "a", Schedule: "* * * * *", Run: nothing}},
	} {
		s, err := New(nil, nil, clock.System, time.UTC, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Plan(jobs); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
