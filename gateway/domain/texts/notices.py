"""Notices to customers and staff; `fieldgate notices`."""

TEXTS: dict[str, tuple[str, str]] = {
    "notices.none": ("there are no templates: name a file by templates: in gateway.yaml (docs/notices.md)", "没有模板：请在 gateway.yaml 中用 `templates` 指定模板文件（见 docs/notices.md）"),
    "notices.unknown": ("there is no template {value}; known: {known}", "没有模板 {value}；现有：{known}"),
    "notices.unknown_near": ("there is no template {value}; did you mean {near}?", "没有模板 {value}；是否想写 {near}？"),
    "notices.value_form": ("{value!r} is no value; write NAME=VALUE, for example component=2", "{value!r} 不是取值；请写 NAME=VALUE，例如 component=2"),
    "notices.value_name": ("{value} is no value of a template; docs/notices.md lists them", "{value} 不是模板可用的取值；可用的取值见 docs/notices.md"),
    "notices.value_near": ("{value} is no value of a template; did you mean {near}?", "{value} 不是模板可用的取值；是否想写 {near}？"),
    "notices.head": ("{name} ({language}), code {code}", "{name}（{language}），模板编号 {code}"),
    "notices.language.en": ("English", "英文"),
    "notices.language.zh": ("Chinese", "中文"),
    "notices.params": ("parameters: {params}", "参数：{params}"),
    "notices.no_fit": (
        "the template does not take these values (a text where it calculates): the notice would not be sent",
        "模板无法使用这些取值（在计算处遇到文本）：通知将不会发送",
    ),
    "notices.cut": ("longer than {most} characters: the end is cut", "超过 {most} 个字符：末尾被截断"),
    "notices.length.gsm7": (
        "{units} characters, short messages: {parts}, room for {room} more",
        "{units} 个字符，短信 {parts} 条，还可写 {room} 个字符",
    ),
    "notices.length.ucs2": (
        "{units} characters, short messages: {parts}, room for {room} more (70 each because of {because!r}, 67 in several)",
        "{units} 个字符，短信 {parts} 条，还可写 {room} 个字符（因含 {because!r}，单条 70 字，多条时每条 67 字）",
    ),
}  # fmt: skip
