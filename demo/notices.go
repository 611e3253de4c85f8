package demo

import (
	"context"
	"fmt"
)

// tell publishes a notice for every purpose that has none, so that customers of the mini-program can be asked.
func tell(ctx context.Context, console *caller) error {
	var told struct {
		Purposes []struct {
			Name, Title string
		} `json:"purposes"`
		Notices []struct {
			Purpose string `json:"purpose"`
		} `json:"notices"`
	}
	if err := console.call(ctx, "GET", "/notices", nil, &told); err != nil {
		return err
	}
	has := map[string]bool{}
	for _, n := range told.Notices {
		has[n.Purpose] = true
	}
	for _, p := range told.Purposes {
		if has[p.Name] {
			continue
		}
		notice := map[string]any{
			"purpose": p.Name, "version": 1, "title": p.Title,
			"body": fmt.Sprintf("为了“%s”，我们会处理您的相关信息，仅用于该用途；您可以随时在“我的数据”中撤回同意。演示用文本，正式使用前请由法务拟定。", p.Title),
		}
		if err := console.call(ctx, "POST", "/notices", notice, nil); err != nil {
			return err
		}
	}
	return nil
}
