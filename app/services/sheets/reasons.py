"""Why a file or a cell is refused: a closed list, each with its sentence and what to do about it."""

from __future__ import annotations

from enum import StrEnum, auto

from app.errors import Refusal
from app.words import Words, say


class Reason(StrEnum):
    """Why a whole file is refused."""

    empty_file = auto()
    too_big = auto()
    not_a_workbook = auto()
    other_format = auto()
    old_format = auto()
    encrypted = auto()
    damaged = auto()
    bomb = auto()
    hostile = auto()
    encoding = auto()
    quotes = auto()
    no_sheet = auto()
    no_such_sheet = auto()
    empty_sheet = auto()
    no_head = auto()
    blank_head = auto()
    duplicate_head = auto()
    too_many_rows = auto()
    too_many_columns = auto()
    cell_too_long = auto()
    too_slow = auto()
    too_much_memory = auto()


class Flaw(StrEnum):
    """Why a cell holds no usable value."""

    formula = auto()
    error = auto()
    merged = auto()
    damaged = auto()
    too_long = auto()


class Unreadable(Refusal):
    """The file is refused as a whole; nothing of it was used. `detail` is for the log, never for the screen."""

    code = "unreadable_file"
    status = 422

    def __init__(self, reason: Reason, *, detail: str = "", **values: object) -> None:
        super().__init__(SENTENCES[reason].fill(**values) if values else SENTENCES[reason])
        self.reason = reason
        self.detail = detail


SENTENCES: dict[Reason, Words] = {
    Reason.empty_file: say(
        "文件是空的。请选择有内容的文件。", "The file is empty. Choose one with something in it."
    ),
    Reason.too_big: say(
        "文件有 {size} MB，超过上限 {limit} MB。请拆成几个文件，或只保留需要导入的工作表。",
        "The file has {size} MB, more than the {limit} MB allowed. Split it, or keep only the sheet to import.",
    ),
    Reason.not_a_workbook: say(
        "这不是 Excel 工作簿，也不是文本表格。请用 Excel 打开后另存为 .xlsx，再导入。",
        "This is neither an Excel workbook nor a text table. Open it in Excel, save it as .xlsx and import that.",
    ),
    Reason.other_format: say(
        "这是 {kind} 文件，不能直接导入。请另存为 .xlsx 或 .csv，再导入。",
        "This is a {kind} file, which cannot be imported. Save it as .xlsx or .csv and import that.",
    ),
    Reason.old_format: say(
        "这是 Excel 97 以前的旧格式。请用 Excel 打开后另存为 .xlsx，再导入。",
        "This is the format of Excel before 97. Open it in Excel, save it as .xlsx and import that.",
    ),
    Reason.encrypted: say(
        "文件设有打开密码。请在 Excel 中取消密码后保存，再导入。",
        "The file is protected by a password. Remove the password in Excel, save, and import it again.",
    ),
    Reason.damaged: say(
        "文件已损坏，无法读取。请用 Excel 打开并修复，另存为新的 .xlsx，再导入。",
        "The file is damaged and cannot be read. Open and repair it in Excel, save it as a new .xlsx and import that.",
    ),
    Reason.bomb: say(
        "文件解压后过大（上限 {limit} MB，压缩比上限 {ratio}），已拒绝。请删除空白格式、图片和多余的工作表后另存，再导入。",
        "Unpacked, the file is too large (at most {limit} MB, ratio {ratio}); it was refused. "
        "Delete blank formatting, pictures and spare sheets, save, and import it again.",
    ),
    Reason.hostile: say(
        "文件含有正常工作簿没有的内容（外部实体、越界路径或链接），已拒绝。请用 Excel 打开后另存为新的 .xlsx，再导入。",
        "The file holds what no ordinary workbook holds (external entities, paths that lead outside, links); it was refused. "
        "Open it in Excel, save it as a new .xlsx and import that.",
    ),
    Reason.encoding: say(
        "无法识别文本的编码。请另存为“CSV UTF-8（逗号分隔）”，再导入。",
        "The encoding of the text is unknown. Save it as “CSV UTF-8 (comma delimited)” and import that.",
    ),
    Reason.quotes: say(
        "第 {row} 行附近的引号不成对。请把单元格中的引号写成两个，或另存为 .xlsx，再导入。",
        "Near row {row} a quotation mark is left open. Double the marks inside cells, or save as .xlsx and import that.",
    ),
    Reason.no_sheet: say(
        "工作簿里没有工作表（只有图表或宏表）。请选择含有数据的文件。",
        "The workbook has no worksheet, only charts or macro sheets. Choose a file with data.",
    ),
    Reason.no_such_sheet: say(
        "没有名为“{sheet}”的工作表。现有工作表：{names}。",
        "There is no sheet “{sheet}”. The sheets are: {names}.",
    ),
    Reason.empty_sheet: say(
        "工作表“{sheet}”没有内容。请选择别的工作表。",
        "Sheet “{sheet}” is empty. Choose another sheet.",
    ),
    Reason.no_head: say(
        "工作表“{sheet}”找不到表头。请在数据上方写一行列名，再导入。",
        "Sheet “{sheet}” has no head. Write the column names in a row above the data and import it again.",
    ),
    Reason.blank_head: say(
        "工作表“{sheet}”{cell} 的表头是空白，而该列有数据。请写上列名或删除该列。",
        "In sheet “{sheet}” the head at {cell} is blank although the column holds data. Name the column or delete it.",
    ),
    Reason.duplicate_head: say(
        "工作表“{sheet}”有两列同名：{first} 和 {second} 都是“{head}”。请改名或删除一列。",
        "In sheet “{sheet}” two columns have one name: {first} and {second} are both “{head}”. Rename or delete one.",
    ),
    Reason.too_many_rows: say(
        "数据超过 {limit} 行。请拆成几个文件，或由有权限的人按大文件导入。",
        "There are more than {limit} rows. Split the file, or let somebody with the right import it as a large one.",
    ),
    Reason.too_many_columns: say(
        "第 {row} 行超过 {limit} 列。请删除多余的列。",
        "Row {row} has more than {limit} columns. Delete those not needed.",
    ),
    Reason.cell_too_long: say(
        "第 {row} 行有单元格长得不像数据（可能缺少一个引号）。请检查该行。",
        "In row {row} a cell is too long to be data (a quotation mark may be missing). Look at that row.",
    ),
    Reason.too_slow: say(
        "读取超过 {seconds} 秒，已停止。请只保留需要导入的数据，另存为新的 .xlsx 或 .csv，再导入。",
        "Reading took more than {seconds} seconds and was stopped. "
        "Keep only the data to import, save it as a new .xlsx or .csv and import that.",
    ),
    Reason.too_much_memory: say(
        "读取需要的内存超过 {limit} MB，已停止。请删除空白格式和多余的工作表，或另存为 .csv，再导入。",
        "Reading needs more than {limit} MB of memory and was stopped. "
        "Delete blank formatting and spare sheets, or save as .csv, and import that.",
    ),
}

FLAWS: dict[Flaw, Words] = {
    Flaw.formula: say(
        "{cell} 是公式（{text}）。请复制该列，用“粘贴为数值”替换公式。",
        "{cell} is a formula ({text}). Copy the column and paste it as values.",
    ),
    Flaw.error: say(
        "{cell} 是错误值 {text}。请改正或清空。",
        "{cell} is the error value {text}. Correct or clear it.",
    ),
    Flaw.merged: say(
        "{cell} 属于从 {text} 开始的合并单元格，没有自己的值。请取消合并并逐行填写。",
        "{cell} belongs to the merged area beginning at {text} and has no value of its own. Unmerge it and fill each row.",
    ),
    Flaw.damaged: say(
        "{cell} 是超过 15 位的数字（{text}），后面的位数已被表格软件丢掉。请把该列设为文本后重新填写。",
        "{cell} is a number of more than 15 digits ({text}); the spreadsheet has lost the rest. "
        "Format the column as text and type it again.",
    ),
    Flaw.too_long: say(
        "{cell} 超过 32,767 个字符。请缩短。",
        "{cell} has more than 32,767 characters. Shorten it.",
    ),
}
