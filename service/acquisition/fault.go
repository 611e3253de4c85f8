package acquisition

import "zhiyin/service/fault"

// What callers may act on.
var (
	ErrCodeNotFound = fault.New(fault.NotFound, "channel_code.not_found", "没有这个渠道活码", "there is no such channel code")
	ErrCodesFull    = fault.New(fault.Conflict, "channel_code.full", "企业的「联系我」数量已达上限", "the corp has reached its limit of contact ways")
	ErrCodeLater    = fault.New(fault.Unavailable, "channel_code.later", "二维码尚未生成，请稍后再试", "the code has no picture yet; try again in a moment")
	// ErrInvalidCode names the wrong inputs in its fields.
	ErrInvalidCode     = fault.New(fault.Invalid, "channel_code.invalid", "渠道活码的设置有误", "the channel code's settings are wrong")
	ErrUnknownVariable = fault.New(fault.Invalid, "text.unknown_variable", "文字里有不认识的变量", "the text names an unknown variable")

	ErrWelcomeNotFound = fault.New(fault.NotFound, "welcome.not_found", "没有这条欢迎语", "there is no such welcome message")
	// ErrInvalidWelcome names the wrong inputs in its fields.
	ErrInvalidWelcome = fault.New(fault.Invalid, "welcome.invalid", "欢迎语的内容有误", "the welcome message is wrong")

	ErrMediaNotFound = fault.New(fault.NotFound, "media.not_found", "没有这个素材", "there is no such media file")
	ErrMediaType     = fault.New(fault.Invalid, "media.type", "不支持这种文件，或内容与类型不符", "the file is of another or an unsupported type")
	ErrMediaSize     = fault.New(fault.TooLarge, "media.size", "文件太大或是空的", "the file is too large or empty")
	ErrMediaInUse    = fault.New(fault.Conflict, "media.in_use", "素材正在被欢迎语使用", "a welcome message uses the file")
)
