"""Texts of the drop folder: mistakes in its part of the configuration, files that cannot be read, its health."""

TEXTS: dict[str, tuple[str, str]] = {
    "drop.folder": (
        "{got!r} is not a full path; write one that begins with /",
        "{got!r} 不是完整路径；请写以 / 开头的路径",
    ),
    "drop.files": (
        "{got!r} contains /; write a pattern of file names such as *.csv, folders below are not read",
        "{got!r} 含有 /；请写文件名模式，例如 *.csv；不会读取子目录",
    ),
    "drop.payload": (
        "route {route} has payload {got}; a file of lines can hold {known}",
        "第 {route} 条路由的 payload 是 {got}；按行读取的文件只能是 {known}",
    ),
    "drop.time": (
        "route {route} takes no time from the file; a file may be read twice after a crash, and only readings with a time of their own are the same then: write time, with absent: reject",
        "第 {route} 条路由没有从文件取时间；程序崩溃后文件可能被重读，只有自带时间的读数才会与之前相同：请写 time，并使用 absent: reject",
    ),
    "drop.shared": (
        "source {first} takes the files of the same folder; give each its own folder",
        "数据源 {first} 也读取同一目录；请为每个数据源使用单独的目录",
    ),
    "drop.missing": ("the folder does not exist", "目录不存在"),
    "drop.unreadable": ("the folder cannot be read: {error}", "无法读取目录：{error}"),
    "drop.file_error": (
        "a file cannot be read or moved: {error}; see the log",
        "有文件无法读取或移动：{error}；详见日志",
    ),
    "drop.failed": (
        "{count} file(s) in failed/ could not be read; each has a file .why.txt beside it",
        "failed/ 中有 {count} 个文件未能读取；原因见同名的 .why.txt 文件",
    ),
    "drop.empty": ("the file is empty", "文件为空"),
    "drop.not_text": (
        "after line {line} it is not {encoding}; write encoding: gb18030 for exports of Chinese programs, or save the file as UTF-8",
        "第 {line} 行之后的内容不是 {encoding}；中文软件导出的文件请写 encoding: gb18030，或将文件另存为 UTF-8",
    ),
    "drop.too_long": (
        "line {line}: a row has more than {most} characters; is a quotation mark not closed? Otherwise raise max_payload",
        "第 {line} 行：一行超过 {most} 个字符；是否有引号未闭合？若没有，请调大 max_payload",
    ),
    "drop.header_twice": (
        "the first line is no header, a column stands there twice: {got}",
        "首行不是表头，有重复的列：{got}",
    ),
    "drop.header_lacks": (
        "the first line is no header, it lacks {got}; it reads: {found}. For files without a header write columns in the route's payload",
        "首行不是表头，缺少 {got}；首行为：{found}。没有表头的文件，请在路由的 payload 中写 columns",
    ),
    "drop.unmatched": ("no route is for {topic}", "没有适用于 {topic} 的路由"),
    "drop.why": (
        "{file} was not read to its end.\n\n{reason}\n\nReadings before that place are stored. Mend the file and put it back into the folder: readings that are stored already stay as they are. Then delete this file.\n",
        "{file} 未能读完。\n\n{reason}\n\n此处之前的读数已存储。请修正文件后放回原目录：已存储的读数不会重复。之后可删除本文件。\n",
    ),
}
