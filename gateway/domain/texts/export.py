"""Texts of `fieldgate series export`."""

TEXTS: dict[str, tuple[str, str]] = {
    "export.done": ("{path}: {count} readings, {size}", "{path}：{count} 条读数，{size}"),
    "export.exists": ("{path} is there already; name another file", "{path} 已存在；请换一个文件名"),
    "export.failed": ("{path} cannot be written: {error}", "无法写入 {path}：{error}"),
    "export.point": ("there is no point {value}; write the name of one: {near}", "没有测点 {value}；请写测点名：{near}"),
}
