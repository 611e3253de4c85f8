package staff

import "zhiyin/service/fault"

// What can go wrong at the door. A login that doesn't exist, a wrong password and somebody who may
// not sign in are answered alike, so that nobody learns which logins exist.
var (
	ErrWrongLogin   = fault.New(fault.Unauthenticated, "auth.wrong_login", "账号或密码不正确", "wrong login or password")
	ErrTooMany      = fault.New(fault.TooMany, "auth.too_many", "尝试次数过多，请稍后再试", "too many attempts; try again later")
	ErrSessionEnded = fault.New(fault.Unauthenticated, "auth.session_ended", "登录已失效，请重新登录", "the session has ended; sign in again")
	ErrBusy         = fault.New(fault.Unavailable, "auth.busy", "登录的人较多，请稍后再试", "many people are signing in; try again in a moment")
)

// What can go wrong when a member signs in by WeCom.
var (
	ErrState     = fault.New(fault.Forbidden, "auth.state", "登录已过期或来自其他浏览器，请重新进入", "this sign-in has expired, or began in another browser; begin again")
	ErrCode      = fault.New(fault.Unauthenticated, "auth.code", "登录码无效或已使用，请重新进入", "the code is not valid or was used; begin again")
	ErrNotMember = fault.New(fault.Forbidden, "auth.not_member", "仅限本企业成员使用", "this is for members of the corp")
	ErrNotSynced = fault.New(fault.Forbidden, "auth.not_synced", "尚未同步到您的成员信息，请稍后再试或联系管理员", "you are not among the members known here yet; try again later or ask an administrator")
	ErrNoSignIn  = fault.New(fault.Forbidden, "auth.disabled", "您的登录已被停用，请联系管理员", "you may not sign in; ask an administrator")
	ErrPlatform  = fault.New(fault.Unavailable, "auth.platform_busy", "企业微信暂时无法访问，请稍后重新进入", "WeCom can't be reached; begin again in a moment")
	ErrRefused   = fault.New(fault.Unavailable, "auth.platform_refused", "企业微信拒绝了本系统的应用，请联系管理员运行 zhiyin doctor", "WeCom refuses this system's app; ask an administrator to run zhiyin doctor")
)

// What can go wrong with people, roles and tasks.
var (
	ErrNotFound        = fault.New(fault.NotFound, "staff.not_found", "没有这位成员", "no such staff member")
	ErrNoLogin         = fault.New(fault.NotFound, "staff.no_login", "该成员没有登录账号", "this staff member has no login")
	ErrLoginTaken      = fault.New(fault.Conflict, "staff.login_taken", "登录名已被使用", "the login is taken")
	ErrInvalid         = fault.New(fault.Invalid, "staff.invalid", "填写有误", "a value is wrong")
	ErrWeakPassword    = fault.New(fault.Invalid, "staff.weak_password", "密码太弱", "the password is too weak")
	ErrWrongPassword   = fault.New(fault.Invalid, "staff.wrong_password", "当前密码不正确", "the present password is wrong")
	ErrUnknownRole     = fault.New(fault.Invalid, "staff.unknown_role", "没有这个角色", "no such role")
	ErrSecondPerson    = fault.New(fault.Forbidden, "staff.second_person", "需要另一位管理员审批", "another administrator has to approve this")
	ErrNoRequest       = fault.New(fault.NotFound, "staff.request_not_found", "没有这个权限申请", "no such request for roles")
	ErrDecided         = fault.New(fault.Conflict, "staff.request_decided", "该申请已处理或已被新的申请取代", "this was decided, or replaced by a newer request")
	ErrSessionNotFound = fault.New(fault.NotFound, "staff.session_not_found", "没有这个登录", "no such session")
	ErrTaskNotFound    = fault.New(fault.NotFound, "staff.task_not_found", "没有这个待办", "no such task")
	ErrTaskClosed      = fault.New(fault.Conflict, "staff.task_closed", "待办已以另一种方式结束", "the task was closed in another way")
)
