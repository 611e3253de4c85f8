package account

import "zhiyin/service/fault"

// What can go wrong with an account.
var (
	ErrNotFound        = fault.New(fault.NotFound, "account.not_found", "没有这个账号", "no such account")
	ErrDisabled        = fault.New(fault.NotFound, "account.disabled", "该账号已停用", "the account is disabled")
	ErrNoCallbackKeys  = fault.New(fault.NotFound, "account.no_callback_keys", "该账号未设置回调 Token 与 EncodingAESKey", "the account has no callback keys")
	ErrInvalid         = fault.New(fault.Invalid, "account.invalid", "账号资料有误", "the account's data is wrong")
	ErrNameTaken       = fault.New(fault.Conflict, "account.name_taken", "账号短名已被使用", "the short name is taken")
	ErrPlatformIDTaken = fault.New(fault.Conflict, "account.platform_id_taken", "该企业 ID 或 AppID 已属于另一账号", "another account has this corp id or app id")
	ErrInUse           = fault.New(fault.Conflict, "account.in_use", "已同步过数据的账号不能更换企业 ID 或 AppID", "the corp id or app id of an account with synchronised data can't change")
	// ErrWrongKey means that the server runs with another secret key than the one that sealed the credential.
	ErrWrongKey = fault.New(fault.Unavailable, "account.wrong_key", "凭据由另一把密钥加密，请恢复原来的 secret_key 或重新填写凭据", "the credential was sealed with another key; restore the former secret_key or enter the credential again")
	// ErrUnreadable means that the sealed value was damaged, or belongs to another column or account.
	ErrUnreadable = fault.New(fault.Unavailable, "account.unreadable", "凭据无法解密，请重新填写", "the sealed credential is damaged or misplaced; enter it again")
)
