"""`--help` of `fieldgate database`, as in `help.py`."""

_PARAGRAPHS = (
    ("The database of registry, alarms, work orders and deliveries.", "设备台账、告警、工单和投递记录所在的数据库。"),
    (
        "Move the database from its file in the data folder to a PostgreSQL server. Needs a stopped gateway.",
        "将数据库从数据目录中的文件迁移到 PostgreSQL 服务器。须先停止网关。",
    ),
    (
        "Copies all tables in one transaction to a schema that is empty or missing, and compares the number of rows. The file is kept under another name (<name>.moved-<time>). Exit status 0 done, 2 nothing was done.",
        "在一个事务中将所有表复制到空的或不存在的模式，并核对行数。原文件改名保留（<name>.moved-<time>）。退出状态：0 已完成，2 未做任何操作。",
    ),
    (
        "Server, by its URL. [default: that of the main file]",
        "服务器的 URL。[默认：主文件中的服务器]",
    ),
    ("File with the password for --to.", "存放 --to 所用密码的文件。"),
    ("Schema of the tables on that server. [default: fieldgate_desk]", "服务器上数据表所在的模式。[默认：fieldgate_desk]"),
)  # fmt: skip

TEXTS: dict[str, tuple[str, str]] = {f"help.{pair[0]}": pair for pair in _PARAGRAPHS}
