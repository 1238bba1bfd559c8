"""`--help` of `fieldgate audit`, as in `help.py`."""

_PARAGRAPHS = (
    ("The audit of orders: who did what to which order, row after row.", "工单审计记录：何人对哪张工单做了什么，逐行留存。"),
    (
        "Check that the audit of orders is whole: that no row was changed, removed or put in between.",
        "核对工单审计记录是否完整：没有任何一行被改动、删除或插入。",
    ),
    (
        "Each row has a hash that covers the row before it. A running gateway goes on meanwhile, and nothing is changed. With --noted, a chain that was written anew as a whole is found, too: note the newest row that this command prints in another place.",
        "每一行都有哈希，且覆盖前一行。核对时网关可照常运行，不做任何改动。用 --noted 还能发现整条链被重写的情况：请把本命令输出的最新一行另行记录。",
    ),
    (
        "Exit status 0 whole, 1 a row differs (the first one is shown), 2 it could not be checked.",
        "退出码：0 完整，1 有一行不符（显示第一处），2 无法核对。",
    ),
    (
        "Check the database of this backup (folder, archive or database file) instead.",
        "改为核对此备份（目录、归档或数据库文件）中的数据库。",
    ),
    ("Newest row as it was noted earlier, NUMBER:HASH.", "以前记下的最新一行，NUMBER:HASH。"),
)  # fmt: skip

TEXTS: dict[str, tuple[str, str]] = {f"help.{pair[0]}": pair for pair in _PARAGRAPHS}
