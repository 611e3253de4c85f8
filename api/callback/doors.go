package callback

import (
	"context"
	"net/http"
	"strings"
)

// wecom is the way in of WeCom apps. Platform documentation, 企业内部开发 · 回调配置.
func (f *Face) wecom() *door {
	return &door{name: "wecom", checkIP: true, check: func(_ context.Context, acct *opened, q *query) answer {
		echo, ok := acct.decrypt(q, q.echo)
		// A message somebody has recorded is signed in the same way: it must not be decrypted for
		// him. What the platform checks with is a number.
		if !ok || len(echo) == 0 || strings.ContainsAny(string(echo[:1]), "<{") {
			return refused
		}
		return answer{"echo", http.StatusOK, string(echo)}
	}}
}

// miniApp is the way in of mini-programs, in safe mode only: in the other modes nothing covers the
// body. Platform documentation, 小程序 · 消息推送.
func (f *Face) miniApp() *door {
	return &door{
		name: "miniapp", thanks: "success",
		admit: func(q *query) bool { return q.encryptType == "aes" && q.msgSignature != "" },
		check: func(_ context.Context, acct *opened, q *query) answer {
			if q.echo == "" || !acct.verifyPlain(q) {
				return refused
			}
			return answer{"echo", http.StatusOK, q.echo}
		},
	}
}
