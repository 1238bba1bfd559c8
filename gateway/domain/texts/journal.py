"""Texts of the journal for the operator when it does not start, or does not accept records."""

TEXTS: dict[str, tuple[str, str]] = {
    "journal.sqlite_old": (
        "SQLite {found} can corrupt a write-ahead log; the journal needs {needed} or newer (install pysqlite3 0.6.1 or newer)",
        "SQLite {found} 可能损坏预写日志；日志库需要 {needed} 或更新版本（请安装 pysqlite3 0.6.1 或更新版本）",
    ),
    "journal.held": (
        "another process has the data in {path} (a gateway of an older release does not say which); stop it first",
        "另一个进程正在使用 {path} 中的数据（旧版本的网关不会说明是哪个进程）；请先停止它",
    ),
    "journal.held_by": (
        "process {pid} ({command}) has the data in {path}; stop it first",
        "进程 {pid}（{command}）正在使用 {path} 中的数据；请先停止它",
    ),
    "journal.foreign": (
        "{path} is not a journal of this program; configure another path, the file stays as it is",
        "{path} 不是本程序的日志库；请配置另一个路径，该文件不会被改动",
    ),
    "journal.newer": (
        "the journal {path} has format {found}, this version reads up to {known}; start the newer version again",
        "日志库 {path} 的格式为 {found}，本版本最多支持 {known}；请改用较新的版本启动",
    ),
    "journal.other_partition": (
        "the journal {path} holds partition {found}, not {wanted}; configure the path of partition {wanted}",
        "日志库 {path} 保存的是分区 {found}，不是 {wanted}；请配置分区 {wanted} 的路径",
    ),
    "journal.damaged": (
        ("the journal {path} is damaged: {what}. Nothing was changed. Check the disk and restore the file from a backup, or run "
        "`fieldgate recover`: the damaged file is moved aside, every intact record is kept, what is lost is listed"),
        ("日志库 {path} 已损坏：{what}。未做任何改动。请检查磁盘并从备份恢复该文件，或运行 `fieldgate recover`：损坏的文件会被移到一旁，"
        "完好的记录全部保留，丢失的内容会列出"),
    ),
    "journal.behind": (
        ("the journal {path} ends at record {head}, but its consumers have already taken record {consumed}: the file was replaced or "
        "truncated. Put the right file back, or run `fieldgate recover`: numbering continues above {consumed}"),
        ("日志库 {path} 止于第 {head} 条记录，而消费者已处理到第 {consumed} 条：文件被替换或截断。请放回正确的文件，"
        "或运行 `fieldgate recover`：编号将从 {consumed} 之后继续"),
    ),
    "journal.wrong_partition": (
        "this journal holds partition {found}, not {wanted}",
        "该日志库保存的是分区 {found}，不是 {wanted}",
    ),
    "journal.gone": (
        "records up to {floor} were deleted by retention, {after} is older; stop the gateway and run `fieldgate recover`",
        "第 {floor} 条及之前的记录已按保存期删除，{after} 更旧；请停止网关并运行 `fieldgate recover`",
    ),
    "journal.newer_record": (
        "record {seq} was written by a newer version and cannot be read by this one",
        "第 {seq} 条记录由较新的版本写入，本版本无法读取",
    ),
    "journal.full": (
        "the journal {path} is full ({used} of {limit}, journal.max_bytes); records are deleted only after every consumer has passed them",
        "日志库 {path} 已满（已用 {used}，上限 {limit}，即 journal.max_bytes）；记录要等所有消费者处理后才会删除",
    ),
    "journal.disk_floor": (
        "the disk of {path} has {free} left; the journal does not grow below journal.free_space_floor ({floor}). Free some space, intake continues by itself",
        "{path} 所在磁盘仅剩 {free}；低于 journal.free_space_floor（{floor}）时日志库不再增长。请释放空间，接收会自动恢复",
    ),
    "journal.disk_full": (
        "the disk of {path} is full; free some space, intake continues by itself",
        "{path} 所在磁盘已满；请释放空间，接收会自动恢复",
    ),
    "journal.failing": (
        "the journal {path} cannot be written: {what}; it is tried again",
        "无法写入日志库 {path}：{what}；将会重试",
    ),
    "journal.closed": ("the journal {path} is closed", "日志库 {path} 已关闭"),
}  # fmt: skip
