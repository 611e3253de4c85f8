package tag

import (
	"errors"
	"fmt"

	"zhiyin/wecom"
)

// refusal says in people's words why the platform did not do it, and whether it never will.
func refusal(err error) (reason string, final bool) {
	switch {
	case errors.Is(err, wecom.ErrNameTaken), errors.Is(err, errHeld):
		return "企业微信中已有同名的标签或标签组 (the name exists in WeCom)", true
	case errors.Is(err, errNoGroup):
		return "标签组没有创建成功 (its group could not be made)", true
	case errors.Is(err, wecom.ErrTagLimit):
		return "企业标签数量已达上限 (WeCom takes no more tags)", true
	case errors.Is(err, wecom.ErrTagGone):
		return "企业微信中已没有这个标签或标签组 (it is gone in WeCom)", true
	case errors.Is(err, wecom.ErrNotCustomer):
		return "该客户已不是这位成员的客户 (no longer this staff member's customer)", true
	case errors.Is(err, wecom.ErrIPNotTrusted), errors.Is(err, wecom.ErrCredentials):
		return "企业微信拒绝了应用的凭证或 IP (WeCom refuses the app's credentials or address)", false
	case errors.Is(err, wecom.ErrNoPermission):
		return "不是本应用创建的标签，或应用没有权限 (made by another app, or no permission)", true
	case wecom.CodeOf(err) == 40072:
		return "名称长度不符合企业微信的要求 (WeCom does not accept a name of this length)", true
	case errors.Is(err, wecom.ErrBadInput):
		return "企业微信不接受这个内容 (WeCom does not accept this)", true
	case errors.Is(err, wecom.ErrNotFound):
		return "企业微信中没有这位成员或客户 (unknown to WeCom)", true
	case errors.Is(err, wecom.ErrBusy), errors.Is(err, wecom.ErrRateLimited), errors.Is(err, wecom.ErrToken), errors.Is(err, wecom.ErrInDoubt):
		return "企业微信暂时无法访问 (WeCom could not be reached)", false
	case wecom.CodeOf(err) != 0:
		return fmt.Sprintf("企业微信拒绝了修改，错误码 %d (refused by WeCom)", wecom.CodeOf(err)), true
	}
	return "暂时无法同步到企业微信 (could not be sent to WeCom)", false
}
