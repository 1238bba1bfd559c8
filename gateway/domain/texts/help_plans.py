"""`--help` of `fieldgate plans`, as in `help.py`."""

_PARAGRAPHS = (
    (
        "Maintenance plans: their numbers, the next dates, and how much of what was planned is done.",
        "维保计划：各项数字、下一次日期，以及计划的完成情况。",
    ),
    ("The gateway must run. Exit status 0, 1 no such plan, 2 no gateway runs.", "网关须在运行。退出码：0 正常，1 没有该计划，2 网关未运行。"),
    (
        "Show every plan: what it covers, what is open and overdue, and its next date.",
        "列出全部计划：覆盖多少、未完成和逾期多少、下一次日期。",
    ),
    ("Show what PLAN covers, each with its next date.", "列出计划 PLAN 覆盖的设备或路线，以及各自的下一次日期。"),
    (
        "Show how much of PLAN was done in the last 365 days, by area or site.",
        "按区域或场站显示计划 PLAN 近 365 天的完成情况。",
    ),
    ("One line for each.", "按此分行。"),
)  # fmt: skip

TEXTS: dict[str, tuple[str, str]] = {f"help.{pair[0]}": pair for pair in _PARAGRAPHS}
