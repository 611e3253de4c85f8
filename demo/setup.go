package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zhiyin/progress"
)

// signIn opens a session of the demo's administrator for the caller.
func signIn(ctx context.Context, console *caller) error {
	var reply struct {
		Token string `json:"token"`
	}
	if err := console.call(ctx, "POST", "/sign-in", map[string]string{"login": Login, "password": Password}, &reply); err != nil {
		return err
	}
	console.token = reply.Token
	return nil
}

// world is what the simulator tells of itself, as far as a server must know.
type world struct {
	Corps []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Apps []app  `json:"apps"`
	} `json:"corps"`
	MiniApps []struct {
		AppID  string   `json:"appid"`
		Name   string   `json:"name"`
		Secret string   `json:"secret"`
		Push   callback `json:"push"`
	} `json:"miniapps"`
}

type app struct {
	AgentID  int64    `json:"agentid"`
	Secret   string   `json:"secret"`
	Callback callback `json:"callback"`
}

type callback struct {
	Token  string `json:"token"`
	AESKey string `json:"aes_key"`
}

// named is anything that has an id and a name.
type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type page[T any] struct {
	Items []T `json:"items"`
}

// connect registers the simulated corp and mini-program where that has not happened yet, and tells
// the simulator where callbacks go. first says that the corp is new to the server.
func connect(ctx context.Context, o Options, control, console *caller) (first bool, err error) {
	var w world
	if err := control.call(ctx, "GET", "/_sim/world", nil, &w); err != nil {
		return false, err
	}
	if len(w.Corps) == 0 || len(w.MiniApps) == 0 {
		return false, errors.New("the simulated world has no corp or no mini-program")
	}
	corp, mini := w.Corps[0], w.MiniApps[0]
	a := corp.Apps[0]
	first, err = register(ctx, console, map[string]any{
		"kind": "wecom", "name": AccountName, "title": corp.Name, "platform_id": corp.ID, "agent_id": a.AgentID,
		"secret": a.Secret, "callback_token": a.Callback.Token, "callback_aes_key": a.Callback.AESKey,
	})
	if err != nil {
		return false, err
	}
	if _, err := register(ctx, console, map[string]any{
		"kind": "miniapp", "name": "shop", "title": mini.Name, "platform_id": mini.AppID,
		"secret": mini.Secret, "callback_token": mini.Push.Token, "callback_aes_key": mini.Push.AESKey,
	}); err != nil {
		return false, err
	}
	base := "http://" + o.Server + "/callback/"
	err = control.call(ctx, "POST", "/_sim/callback", map[string]any{"corp": corp.ID, "agentid": a.AgentID, "url": base + "wecom/" + AccountName}, nil)
	if err != nil {
		return false, err
	}
	return first, control.call(ctx, "POST", "/_sim/callback", map[string]any{"appid": mini.AppID, "url": base + "miniapp/shop"}, nil)
}

// register makes an account unless one of its name is there.
func register(ctx context.Context, console *caller, account map[string]any) (isNew bool, err error) {
	var list page[named]
	if err := console.call(ctx, "GET", "/accounts", nil, &list); err != nil {
		return false, err
	}
	for _, a := range list.Items {
		if a.Name == account["name"] {
			return false, nil
		}
	}
	return true, console.call(ctx, "POST", "/accounts", account, nil)
}

func accountID(ctx context.Context, console *caller) (string, error) {
	var list page[named]
	if err := console.call(ctx, "GET", "/accounts", nil, &list); err != nil {
		return "", err
	}
	for _, a := range list.Items {
		if a.Name == AccountName {
			return a.ID, nil
		}
	}
	return "", errors.New("the demo's account is gone")
}

// firstSync reads the whole company and shows how far it is.
func firstSync(ctx context.Context, o Options, console *caller) error {
	id, err := accountID(ctx, console)
	if err != nil {
		return err
	}
	var run struct {
		ID, Status, Stage, Error          string
		Total, Finished                   int64
		Read, Created, Updated, Unchanged int64
		Vanished, Failed                  int64
	}
	if err := console.call(ctx, "POST", "/sync-runs", map[string]string{"account_id": id}, &run); err != nil {
		return err
	}
	bar := progress.New(o.Out, "首次同步 · first synchronisation")
	for run.Status == "running" || run.Status == "" {
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := console.call(ctx, "GET", "/sync-runs/"+run.ID, nil, &run); err != nil {
			return err
		}
		if err := bar.Show(run.Stage, run.Finished, run.Total); err != nil {
			return err
		}
	}
	fmt.Fprintf(o.Out, "\n%s: %d read, %d created, %d updated, %d unchanged, %d vanished, %d failed\n",
		run.Status, run.Read, run.Created, run.Updated, run.Unchanged, run.Vanished, run.Failed)
	if run.Status != "done" {
		return fmt.Errorf("the first synchronisation ended %s: %s", run.Status, run.Error)
	}
	return nil
}

// furnish gives the company what an operator would set up first: a welcome for everybody and three
// channel codes.
func furnish(ctx context.Context, console *caller) error {
	id, err := accountID(ctx, console)
	if err != nil {
		return err
	}
	var staff page[struct {
		ID              string `json:"id"`
		ServesCustomers bool   `json:"serves_customers"`
	}]
	if err := console.call(ctx, "GET", "/staff?limit=200&account_id="+id, nil, &staff); err != nil {
		return err
	}
	var serving []map[string]any
	for _, s := range staff.Items {
		if s.ServesCustomers && len(serving) < 9 {
			serving = append(serving, map[string]any{"staff_id": s.ID})
		}
	}
	if len(serving) < 3 {
		return errors.New("the simulated company has nobody who serves customers")
	}
	err = console.call(ctx, "PUT", "/welcomes", map[string]any{
		"account_id": id, "scope": "default", "enabled": true, "text": "{{客户昵称}}您好，我是{{员工姓名}}，很高兴认识您！",
	}, nil)
	if err != nil {
		return err
	}
	var groups page[struct {
		Tags []named `json:"tags"`
	}]
	if err := console.call(ctx, "GET", "/tag-groups?account_id="+id, nil, &groups); err != nil {
		return err
	}
	if len(groups.Items) == 0 || len(groups.Items[0].Tags) < 3 {
		return errors.New("the simulated company has no tags")
	}
	for i, name := range []string{"门店海报", "公众号菜单", "包裹卡"} {
		code := map[string]any{
			"account_id": id, "name": name, "tag_ids": []string{groups.Items[0].Tags[i].ID}, "source_name": name, "remark_pattern": "{{客户昵称}}-{{渠道}}", "skip_verify": true,
			"staff":   serving[i*len(serving)/3 : (i+1)*len(serving)/3],
			"welcome": map[string]any{"text": "{{客户昵称}}您好，感谢您通过" + name + "找到我们，我是{{员工姓名}}，随时为您服务。"},
		}
		if err := console.call(ctx, "POST", "/channel-codes", code, nil); err != nil {
			return err
		}
	}
	return tell(ctx, console)
}
