package transfer

import "zhiyin/service/fault"

// What can go wrong with a file or a run.
var (
	ErrNotFound    = fault.New(fault.NotFound, "transfer.not_found", "没有这个导入或导出", "there is no such import or export")
	ErrKind        = fault.New(fault.Invalid, "transfer.unknown_kind", "不支持这种数据", "no such kind of data")
	ErrTooLarge    = fault.New(fault.TooLarge, "transfer.too_large", "文件太大，请拆分后再导入", "the file is too large; split it")
	ErrNotATable   = fault.New(fault.Invalid, "transfer.not_a_table", "不是可以读取的 CSV 或 XLSX 文件", "this is no CSV or XLSX file that can be read")
	ErrOldExcel    = fault.New(fault.Invalid, "transfer.old_excel", "这是旧版 .xls 文件，请另存为 .xlsx 或 CSV", "this is an old .xls file; save it as .xlsx or CSV")
	ErrTooManyRows = fault.New(fault.Invalid, "transfer.too_many_rows", "行数太多，请拆分后再导入", "too many rows; split the file")
	ErrEmpty       = fault.New(fault.Invalid, "transfer.empty", "文件里没有数据行", "the file has no rows of data")
	ErrMapping     = fault.New(fault.Invalid, "transfer.mapping", "列的对应关系不对", "the columns are not mapped right")
	ErrBasis       = fault.New(fault.Invalid, "transfer.basis_missing", "请填写这批数据的合法性依据", "say on what ground these data may be used")
	ErrPurpose     = fault.New(fault.Invalid, "transfer.purpose_missing", "请填写导出用途", "say what the export is for")
	ErrState       = fault.New(fault.Conflict, "transfer.wrong_state", "当前状态不能这样操作", "not possible in the present state")
	ErrColumns     = fault.New(fault.Invalid, "transfer.unknown_column", "有不认识的列", "there is a column that is not known")
	ErrOwn         = fault.New(fault.Forbidden, "transfer.second_person", "需要另一位同事审批", "somebody else has to approve this")
	ErrExpired     = fault.New(fault.NotFound, "transfer.expired", "文件已过期删除，请重新导出", "the file has expired; export once more")
)
