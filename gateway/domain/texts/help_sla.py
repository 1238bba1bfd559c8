"""`--help` of `fieldgate sla`, as in `help.py`."""

_PARAGRAPHS = (
    ("SLA: when the clocks of an order reach their milestones, and why.", "SLA：工单各项时限何时到达节点，以及原因。"),
    (
        "Print the milestones of an order made at a given time that nobody ends, and which time is counted.",
        "列出在给定时间建单、且一直未完成的工单的各个时限节点，以及计入的时间。",
    ),
    (
        "The same arithmetic as for real orders. Times are of the installation's zone, unless they have one. Nothing is started and no data is read.",
        "与真实工单使用同一算法。不带时区的时间按系统时区理解。不启动任何程序，不读取数据。",
    ),
    (
        "Exit status 0, or 2 when the configuration has problems, or no such policy.",
        "退出码：0 正常，2 配置有问题或没有该策略。",
    ),
    ("When the order is made. [default: now]", "建单时间。[默认：现在]"),
    ("A pause of the clocks; may be given several times.", "暂停计时的时段，可多次给出。"),
    (
        "Show the clocks of order NO: their milestones, the time that was counted, the pauses, and when something is due.",
        "显示工单 NO 的各项计时：节点、已计时间、暂停，以及应完成时间。",
    ),
    ("The gateway must run. Exit status 0, 1 no such order, 2 no gateway runs.", "网关须在运行。退出码：0 正常，1 没有该工单，2 网关未运行。"),
)  # fmt: skip

TEXTS: dict[str, tuple[str, str]] = {f"help.{pair[0]}": pair for pair in _PARAGRAPHS}
