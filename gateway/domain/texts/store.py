"""Texts of the data folder: faults of a store and their remedies."""

TEXTS: dict[str, tuple[str, str]] = {
    "store.why.away": ("it does not answer", "无应答"),
    "store.why.slow": ("no answer within {timeout}", "在 {timeout} 内无应答"),
    "store.why.credentials": ("it refuses the key or token (HTTP {status})", "密钥或令牌被拒绝（HTTP {status}）"),
    "store.why.unknown": ("it does not know the organisation or the bucket (HTTP {status})", "组织或存储桶不存在（HTTP {status}）"),
    "store.why.busy": ("it asks to wait (HTTP {status})", "对方要求稍后重试（HTTP {status}）"),
    "store.why.failing": ("it fails (HTTP {status})", "对方出错（HTTP {status}）"),
    "store.why.refuses": ("it refuses more than {count} readings of one write, see the log", "单次写入中有超过 {count} 条读数被拒绝，详见日志"),
    "store.why.waiting": ("it asked to be left alone for another {left}", "对方要求再等待 {left}"),
    "store.why.tls": ("its certificate is not accepted, or TLS fails", "证书不被接受，或 TLS 出错"),
    "store.why.query": ("it could not answer a question: {detail}", "查询失败：{detail}"),
    "store.why.unread": ("it can be written to, not read", "只能写入，不能读取"),
    "store.newer": (
        "the database is at revision {found}, this release knows up to {known}; nothing was changed. Start the newer release again, or restore a copy (fieldgate.sqlite.revision-*) that this release knows",
        "数据库的版本为 {found}，本版本程序最多支持 {known}；未做任何改动。请改用较新的程序启动，或放回本程序支持的副本（fieldgate.sqlite.revision-*）",
    ),
    "store.backup": (
        "the database must be migrated for this release, but it could not be copied to {path} first: {error}. Nothing was changed",
        "本版本需要修改数据库，但未能先将其备份到 {path}：{error}。未做任何改动",
    ),
    "store.migrate.pending": (
        "{path}: revision {current}; to apply: {pending}. `fieldgate migrate` or the next start copies the database and applies them",
        "{path}：当前版本 {current}；待应用：{pending}。`fieldgate migrate` 或下次启动时会先备份数据库再应用",
    ),
    "store.migrate.current": (
        "{path}: revision {current}, up to date",
        "{path}：版本 {current}，已是最新",
    ),
    "store.migrate.none": (
        "{path}: no database yet; the first start makes one of revision {head}",
        "{path}：尚无数据库；首次启动时会创建版本 {head}",
    ),
    "store.migrate.done": (
        "{path}: migrated from revision {current} to {head}; the copy made before is {copy}",
        "{path}：已从版本 {current} 升级到 {head}；升级前的副本为 {copy}",
    ),
    "store.marker": (
        "{path} cannot be read: {error}. It lists the stores that must exist; `fieldgate recover` checks the stores and writes it again",
        "无法读取 {path}：{error}。该文件记录应有哪些数据文件；`fieldgate recover` 会检查现有文件并重新写入",
    ),
    "store.missing": (
        "missing: {paths}. The last start had it; a start without it would silently begin with an empty store. Put it back, or run `fieldgate recover`: it restores what the journal holds and lists what is lost",
        "缺少文件：{paths}。上次启动时它还在；没有它就启动，等于悄悄从头开始。请放回该文件，或运行 `fieldgate recover`：会按日志库重建，并说明丢失了什么",
    ),
    "store.other": (
        "{path} is not the file of the last start: it was replaced. Put the right one back, or run `fieldgate recover` to continue with this one",
        "{path} 不是上次启动时的文件：它被替换过。请放回原来的文件，或运行 `fieldgate recover` 以现有文件继续",
    ),
    "store.damaged": (
        "{path} is damaged: {what}. Nothing was changed. Check the disk, put a backup back, or run `fieldgate recover`: the damaged file is moved aside and every row that can be read is kept",
        "{path} 已损坏：{what}。未做任何改动。请检查磁盘并放回备份，或运行 `fieldgate recover`：损坏的文件会被移到一旁，可读取的记录全部保留",
    ),
    "store.segment.missing": (
        "readings are missing: {paths}. Put the files back, or run `fieldgate recover`: what the journal still holds is stored again",
        "缺少读数文件：{paths}。请放回这些文件，或运行 `fieldgate recover`：日志库中仍有的读数会重新入库",
    ),
    "store.segment.damaged": (
        "{path} cannot be opened: {what}. Put a backup back, or run `fieldgate recover`: what can be read is kept, what the journal still holds is stored again",
        "无法打开 {path}：{what}。请放回备份，或运行 `fieldgate recover`：可读取的部分会保留，日志库中仍有的读数会重新入库",
    ),
    "store.segment.locked": (
        "{path} is open in another process (lock): {what}",
        "{path} 正被另一个进程打开（lock）：{what}",
    ),
    "store.series.behind": (
        "the readings in {path} end at record {cursor} of the journal, which begins after {floor}: an older copy was put back. Put the newer one back, or run `fieldgate recover` to continue without the readings in between",
        "{path} 中的读数只到日志库第 {cursor} 条记录，而日志库从第 {floor} 条之后开始：放回的是较旧的副本。请放回较新的副本，或运行 `fieldgate recover` 继续（两者之间的读数会丢失）",
    ),
    "recover.series.behind": (
        "LOST: readings of records {cursor} to {floor} of the journal: neither the journal nor the series store has them",
        "已丢失：日志库第 {cursor} 至 {floor} 条记录的读数：日志库和读数库中都没有",
    ),
    "recover.series.elsewhere": (
        "the readings in {name} are repaired by its own tools, not here",
        "{name} 中的读数请用该数据库自己的工具修复，此处不处理",
    ),
    "recover.series.unreachable": (
        "{name} cannot be reached ({error}); how far its readings go is compared at the next start",
        "无法连接 {name}（{error}）；其中的读数写到何处，将在下次启动时核对",
    ),
    "store.nothing_here": (
        "there is no data in {path} yet: start the gateway once, or check data_dir in the configuration",
        "{path} 中还没有数据：请先启动一次网关，或检查配置中的 data_dir",
    ),
    "store.beside_older": (
        "{path} is of an older release and a gateway uses it; stop that gateway, or use its own release of this command",
        "{path} 属于较旧的版本，且有网关正在使用；请停止该网关，或使用与其相同版本的本命令",
    ),
    "store.nothing": (
        "there is no data in {path}: nothing to recover",
        "{path} 中没有数据，无需恢复",
    ),
    "recover.marker": (
        "the list of stores could not be read and is written again; the old one is {aside} ({error})",
        "应有文件的清单无法读取，将重新写入；原清单已移到 {aside}（{error}）",
    ),
    "check.data.ok": ("{path}: all files are whole", "{path}：所有文件完好"),
    "check.data.locked": (
        "{path}: open in a running gateway, not checked",
        "{path}：正被运行中的网关打开，未检查",
    ),
    "check.data.missing": ("{path}: missing", "{path}：文件缺失"),
    "check.data.wrong": (
        "{path}: {what}",
        "{path}：{what}",
    ),
    "check.data.failed": (
        "{count} file(s) are damaged or missing; stop the gateway and run `fieldgate recover`",
        "{count} 个文件损坏或缺失；请停止网关并运行 `fieldgate recover`",
    ),
    "recover.database.missing": (
        "LOST: the database {path}: alarms, work orders, deliveries, API keys. A new one is made",
        "已丢失：数据库 {path}，包括告警、工单、投递记录和 API 密钥。将新建数据库",
    ),
    "recover.database.damaged": (
        "the database {path} was damaged ({what}); it is now {aside}",
        "数据库 {path} 已损坏（{what}），现已移到 {aside}",
    ),
    "recover.table": (
        "LOST: rows of the table {table}, {bad} place(s) could not be read; {kept} rows are kept",
        "已丢失：表 {table} 的部分记录，{bad} 处无法读取；保留 {kept} 行",
    ),
    "recover.rows": ("{count} rows are in the new database", "新数据库中共有 {count} 行"),
    "recover.registry": (
        "{count} devices, points, sites and customers were restored from the journal, with their numbers",
        "设备、测点、场站和客户共 {count} 项已从日志库恢复，编号不变",
    ),
    "recover.orders": (
        "LOST: the alarms and work orders. What the journal still holds is judged again at the next start: alarms that are still on get orders again, with new numbers, and receivers are notified again",
        "已丢失：原有的告警和工单。下次启动时会按日志库中仍有的数据重新判断：仍成立的告警会重新派单，工单号是新的，接收方会再次收到",
    ),
    "recover.position": (
        "alarms up to record {seq} are kept; the next start judges what came after",
        "第 {seq} 条记录及之前的告警已保留；下次启动时判断其后的数据",
    ),
    "recover.segment.missing": (
        "LOST: {path} is missing; what the journal holds of it is stored again",
        "已丢失：{path} 不存在；日志库中仍有的部分会重新入库",
    ),
    "recover.segment.damaged": (
        "LOST: {path} was damaged ({what}); it is now {aside}; {kept} rows are kept, {lost} could not be read. What the journal holds of them is stored again",
        "已丢失：{path} 已损坏（{what}），现已移到 {aside}；保留 {kept} 行，{lost} 行无法读取。其中日志库仍有的部分会重新入库",
    ),
    "recover.replay": (
        "readings that came since {since} (record {floor}) are stored again at the next start where they are missing",
        "自 {since}（第 {floor} 条记录）以来的读数，缺失的会在下次启动时重新入库",
    ),
    "recover.journal.missing": (
        "LOST: the journal {path}: what was received and not yet stored or judged. A new one is made",
        "已丢失：日志库 {path}，即已接收但尚未入库或判断的数据。将新建日志库",
    ),
    "recover.journal.damaged": (
        "the journal {path} was damaged; it is now {aside}; {kept} records are kept",
        "日志库 {path} 已损坏，现已移到 {aside}；保留 {kept} 条记录",
    ),
    "recover.journal.lost": (
        "LOST: records {first} to {last} of the journal, received between {since} and {until}",
        "已丢失：日志库第 {first} 至 {last} 条记录，接收时间在 {since} 与 {until} 之间",
    ),
    "recover.journal.skipped": (
        "the newest record that is kept is {head}; everything after it is lost; numbering continues far above",
        "保留的最新记录为第 {head} 条；其后的记录已丢失；编号将从远高于此处继续",
    ),
    "recover.told": (
        "{count} sites, customers and devices are queued for the new journal",
        "{count} 个场站、客户和设备将写入新的日志库",
    ),
    "recover.done": ("nothing is lost; start the gateway", "没有丢失任何数据；可以启动网关"),
    "recover.lost": (
        "what is marked LOST cannot be restored; everything else is in place: start the gateway",
        "标有“已丢失”的内容无法恢复；其余均已就位：可以启动网关",
    ),
}  # fmt: skip
