package acquisition

import (
	"errors"
	"fmt"

	"zhiyin/wecom"
)

// What an operator reads beside a channel code.
const (
	noteNobody  = "没有可以接待的成员：全部已离职、停用、未激活、不在应用范围或没有客户联系权限 / nobody can serve: all staff have left, are disabled, outside of the app's range or may not contact customers"
	noteRefused = "平台不接受以下成员（未激活、未实名、不在应用范围或没有客户联系权限），已暂时移出 / left out, the platform does not take them: "
	noteGone    = "平台上已经没有这个活码，请新建一个 / the platform no longer knows this code: make a new one"
)

// sentence says what a failed push means for an operator; empty when it is none of their business.
func sentence(err error) string {
	e := (*wecom.Error)(nil)
	if !errors.As(err, &e) {
		return ""
	}
	switch {
	case e.Code == 41044:
		return noteGone
	case e.Code == 41045:
		return "企业的「联系我」数量已达上限 / the corp has reached its limit of contact ways"
	case errors.Is(err, wecom.ErrIPNotTrusted):
		return "本服务器的地址不在应用的可信 IP 中 / this server's address is not among the app's trusted IPs"
	case errors.Is(err, wecom.ErrNoPermission):
		return "应用没有客户联系的接口权限 / the app may not use customer contact"
	case errors.Is(err, wecom.ErrCredentials), errors.Is(err, wecom.ErrToken):
		return "平台不接受应用的 Secret / the platform refuses the app's secret"
	case e.Retryable(), e.Class == wecom.ClassUnknown:
		return "平台暂时没有完成，会自动重试 / the platform has not done it yet; it is tried again"
	}
	return fmt.Sprintf("平台拒绝了这个活码（%d） / the platform refused the code (%d)", e.Code, e.Code)
}
