"""`--help` of `fieldgate notices`, as in `help.py`."""

_PARAGRAPHS = (
    ("Notices to customers and staff: their templates.", "发给客户和员工的通知：模板。"),
    (
        "Show what the notice of TEMPLATE looks like in each language, and as how many short messages it is sent; without TEMPLATE those of all templates.",
        "显示模板 TEMPLATE 的通知在各语言下的内容，以及按几条短信发送；不写 TEMPLATE 则显示全部模板。",
    ),
    (
        "Values that are not given are samples; real ones may be longer. Nothing is started or sent, and no data is read.",
        "未给出的取值用样例代替，实际取值可能更长。不启动任何程序，不发送，不读取数据。",
    ),
    (
        "Exit status 0, or 2 when the configuration has problems, or no such template or value.",
        "退出码：0 正常，2 配置有问题，或没有该模板或取值。",
    ),
    ("A value of the template; may be given several times.", "模板的取值，可多次给出。"),
    ("Only the notice in this language.", "只显示该语言的通知。"),
    (
        "The name in front of the text. [default: the longest sign of the endpoints]",
        "正文前的签名。[默认：各推送端点中最长的签名]",
    ),
)  # fmt: skip

TEXTS: dict[str, tuple[str, str]] = {f"help.{pair[0]}": pair for pair in _PARAGRAPHS}
