package problem

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// What validation says of a field, for people. huma has these as package variables and builds its
// sentences when routes are registered, so they are set before.
func init() {
	validation.MsgUnexpectedProperty = "不认识的字段 / unknown field"
	validation.MsgExpectedRequiredProperty = "缺少 %[1]s / %[1]s is missing"
	validation.MsgExpectedRFC3339DateTime = "应为 RFC 3339 时间 / expected an RFC 3339 date-time"
	validation.MsgExpectedBoolean = "应为 true 或 false / expected true or false"
	validation.MsgExpectedNumber = "应为数字 / expected a number"
	validation.MsgExpectedInteger = "应为整数 / expected an integer"
	validation.MsgExpectedString = "应为文字 / expected a string"
	validation.MsgExpectedArray = "应为列表 / expected an array"
	validation.MsgExpectedObject = "应为对象 / expected an object"
	validation.MsgExpectedOneOf = "应为 %[1]s 之一 / expected one of %[1]s"
	validation.MsgExpectedMinimumNumber = "不能小于 %[1]v / at least %[1]v"
	validation.MsgExpectedMaximumNumber = "不能大于 %[1]v / at most %[1]v"
	validation.MsgExpectedMinLength = "至少 %[1]d 个字符 / at least %[1]d characters"
	validation.MsgExpectedMaxLength = "至多 %[1]d 个字符 / at most %[1]d characters"
	validation.MsgExpectedMatchPattern = "应符合 %[1]s / expected to match %[1]s"
	validation.MsgExpectedMinItems = "至少 %[1]d 项 / at least %[1]d entries"
	validation.MsgExpectedMaxItems = "至多 %[1]d 项 / at most %[1]d entries"
}

// parameters translates what is said of parameters, which huma has no variables for.
var parameters = map[string]string{
	"unknown query parameter":             "不认识的参数 / unknown parameter",
	"required query parameter is missing": "缺少这个参数 / this parameter is missing",
	"required form parameter is missing":  "缺少这个参数 / this parameter is missing",
	"invalid integer":                     "应为整数 / expected an integer",
	"invalid boolean":                     "应为 true 或 false / expected true or false",
	"invalid float":                       "应为数字 / expected a number",
	"invalid time":                        "应为 RFC 3339 时间 / expected an RFC 3339 date-time",
}

// reason is what validation found, or, where a value passed it and could yet not be taken over, a
// general sentence: the decoder would speak of our types.
func reason(d *huma.ErrorDetail) string {
	if strings.HasPrefix(d.Message, "json: ") {
		return "有数值超出范围 / a value is out of range"
	}
	if translated, ok := parameters[d.Message]; ok {
		return translated
	}
	return d.Message
}
