"""Texts of the relational database on a server, and of `fieldgate database`."""

TEXTS: dict[str, tuple[str, str]] = {
    "database.url": (
        "write sqlite, or postgresql://USER@HOST:5432/NAME; characters such as / ? # in a password: put it into password or password_file",
        "请写 sqlite 或 postgresql://USER@HOST:5432/NAME；密码中含 / ? # 等字符时，请改用 password 或 password_file",
    ),
    "database.url_and": ("{name} is part of url already: give one of them", "{name} 已包含在 url 中：只能填一个"),
    "database.no_server": (
        "these keys are for a server: add url: postgresql://USER@HOST:5432/NAME, or write database: sqlite alone",
        "这些键用于数据库服务器：请加上 url: postgresql://USER@HOST:5432/NAME，或只写 database: sqlite",
    ),
    "database.same_schema": (
        "the store of readings {name} is in the same schema ({schema}) of the same database: give one of them another schema_name",
        "读数库 {name} 使用同一数据库的同一个 schema（{schema}）：请为其中一个另设 schema_name",
    ),
    "database.warn.plain": (
        "passwords, names and phone numbers go to {place} unencrypted, or to a server whose certificate nobody checks; write tls: verify-full",
        "发往 {place} 的密码、姓名和电话未加密，或未校验服务器证书；请设置 tls: verify-full",
    ),
    "database.driver": (
        "database: the PostgreSQL driver is not installed: pip install 'fieldgate[postgres]', or psycopg[binary]",
        "database：未安装 PostgreSQL 驱动：pip install 'fieldgate[postgres]'，或 psycopg[binary]",
    ),
    "database.no_tables": (
        "PostgreSQL {place}: there are no tables of this program in the schema {schema}",
        "PostgreSQL {place}：schema {schema} 中没有本程序的数据表",
    ),
    "database.no_installation": (
        "PostgreSQL {place}: the row of the table installation in the schema {schema} is gone; put the database back from a dump",
        "PostgreSQL {place}：schema {schema} 的 installation 表中缺少记录；请从转储恢复数据库",
    ),
    "database.held": (
        "PostgreSQL {place}, schema {schema}: another gateway writes it: {holder}. Stop that one, or give each gateway its own schema_name",
        "PostgreSQL {place}，schema {schema}：另一个网关正在写入：{holder}。请停止它，或为每个网关设置各自的 schema_name",
    ),
    "database.other_journal": (
        "PostgreSQL {place}, schema {schema} belongs to the journal of another data folder: its records would be taken for those here. Use that data folder, or another schema_name; `fieldgate recover` makes this folder the owner",
        "PostgreSQL {place}，schema {schema} 属于另一个数据目录的日志库：两者的记录会被混淆。请使用那个数据目录，或另设 schema_name；`fieldgate recover` 可将其归本目录所有",
    ),
    "database.other": (
        "PostgreSQL {place}, schema {schema} is not the database of the last start: another one was put in its place. Put the right one back, or run `fieldgate recover` to continue with this one",
        "PostgreSQL {place}，schema {schema} 不是上次启动时的数据库：它被替换过。请恢复原来的数据库，或运行 `fieldgate recover` 以当前数据库继续",
    ),
    "database.changed": (
        "the last start used {before}, the configuration names {now}: orders and devices would be missing. `fieldgate database move` copies a file to a server; or write the database of the last start again",
        "上次启动使用 {before}，而配置中是 {now}：工单和设备会缺失。`fieldgate database move` 可把数据从文件复制到服务器；或改回上次启动时的数据库",
    ),
    "database.a_file": ("the file {path}", "文件 {path}"),
    "database.a_server": ("a PostgreSQL server", "PostgreSQL 服务器"),
    "database.doctor.ok": (
        "database: PostgreSQL {place}, release {version}, schema {schema}, {size}",
        "数据库：PostgreSQL {place}，版本 {version}，schema {schema}，{size}",
    ),
    "database.doctor.bad": ("database: {error}", "数据库：{error}"),
    "database.doctor.bad.do": (
        "until this is mended, what is received stays in the journal, and no order is made",
        "在此修复之前，收到的数据保留在日志库中，不会生成工单",
    ),
    "database.doctor.rights": (
        "database: PostgreSQL {place}: the user {user} may not {what}",
        "数据库：PostgreSQL {place}：用户 {user} 无权{what}",
    ),
    "database.doctor.fsync": (
        "database: PostgreSQL {place}: {name} is off; a power cut can lose orders that were confirmed",
        "数据库：PostgreSQL {place}：{name} 已关闭；断电可能丢失已确认的工单",
    ),
    "database.doctor.fsync.do": ("set {name} = on in postgresql.conf", "请在 postgresql.conf 中设置 {name} = on"),
    "database.check.ok": (
        "{place}: every table can be read ({rows} rows)",
        "{place}：所有数据表均可读取（{rows} 行）",
    ),
    "database.backup.elsewhere": (
        "the database {place} is not in the copy. It belongs to it as of right before, so that the journal is the newer one: {command} && fieldgate backup …",
        "数据库 {place} 不在备份中。应在备份前立即转储，使日志库较新：{command} && fieldgate backup …",
    ),
    "database.migrate.done": (
        "{place}: migrated from revision {current} to {head}, in one transaction",
        "{place}：已在一个事务中从版本 {current} 升级到 {head}",
    ),
    "database.migrate.pending": (
        "{place}: revision {current}; to apply: {pending}. `fieldgate migrate` or the next start applies them in one transaction; no copy is made: run pg_dump before",
        "{place}：当前版本 {current}；待应用：{pending}。`fieldgate migrate` 或下次启动会在一个事务中应用；不会自动备份：请先运行 pg_dump",
    ),
    "database.recover.elsewhere": (
        "the database {place} is repaired by its own tools, not here",
        "数据库 {place} 请用 PostgreSQL 自己的工具修复，此处不处理",
    ),
    "database.move.no_file": (
        "there is no database file {path} to move",
        "没有可迁移的数据库文件 {path}",
    ),
    "database.move.no_target": (
        "where to? Write --to postgresql://USER@HOST:5432/NAME, or set database in the configuration",
        "迁移到哪里？请写 --to postgresql://USER@HOST:5432/NAME，或在配置中设置 database",
    ),
    "database.move.not_empty": (
        "{place} is not empty (table {table}): nothing was copied. Choose another schema_name, or DROP SCHEMA {schema} CASCADE if its content is not needed",
        "{place} 不是空的（表 {table}）：未复制任何内容。请另选 schema_name；如确认内容不需要，可执行 DROP SCHEMA {schema} CASCADE",
    ),
    "database.move.differs": (
        "table {table}: {read} rows were read, {written} written; nothing was kept",
        "表 {table}：读取 {read} 行，写入 {written} 行；未保留任何内容",
    ),
    "database.move.done": (
        "{rows} rows of {tables} tables are in {place}; the file is now {aside}",
        "{tables} 张表共 {rows} 行已写入 {place}；原文件现为 {aside}",
    ),
    "database.move.configure": (
        "write into gateway.yaml before the next start: database: {url}",
        "请在下次启动前写入 gateway.yaml：database: {url}",
    ),
}  # fmt: skip
