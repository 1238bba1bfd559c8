"""Texts of `/readyz` for each part, in the installation's language; "ok" is the same in both. No address or path."""

TEXTS: dict[str, tuple[str, str]] = {
    "ready.starting": ("starting or stopping", "正在启动或停止"),
    "ready.slow": ("slow: no answer in time", "缓慢：未及时应答"),
    "ready.down": ("down: {why}", "不可用：{why}"),
    "ready.why.full": (
        "no room on the disk, or in the bounds of the configuration",
        "磁盘空间不足，或已达到配置的上限",
    ),
    "ready.why.journal_full": (
        "the journal has reached journal.max_bytes ({limit}) with records its consumers have not processed yet",
        "日志库已达 journal.max_bytes（{limit}），其中的数据尚未被消费",
    ),
    "ready.why.disk_floor": (
        "the disk has {free} left, journal.free_space_floor is {floor}: free some space, intake continues by itself",
        "磁盘仅剩 {free}，而 journal.free_space_floor 为 {floor}：请释放空间，接收会自动恢复",
    ),
    "ready.why.disk_full": (
        "the disk is full: free some space, intake continues by itself",
        "磁盘已满：请释放空间，接收会自动恢复",
    ),
    "ready.why.unavailable": (
        "the disk fails, or another process holds the file",
        "磁盘出错，或文件被其他进程占用",
    ),
    "ready.why.rejected": ("refused by the other side", "被对方拒绝"),
    "ready.why.source": ("the other side does not answer", "对方无应答"),
    "ready.why.other": ("an error, see the log", "出错，详见日志"),
    "ready.disk_floor": (
        "{free} left, at or below journal.free_space_floor ({floor}): new messages are refused; free some space",
        "仅剩 {free}，已达 journal.free_space_floor（{floor}）：新消息会被拒绝；请释放空间",
    ),
    "ready.disk_low": (
        "{free} left; below journal.free_space_floor ({floor}) new messages are refused",
        "剩余 {free}；低于 journal.free_space_floor（{floor}）时新消息会被拒绝",
    ),
    "ready.clock_unset": (
        "the clock shows {now}: it was never set; set it (NTP), as readings and deadlines depend on it",
        "时钟显示 {now}：尚未校准；请校时（NTP），读数和时限都以它为准",
    ),
    "ready.clock_clamps": (
        "{share} % of the last {count} readings had an impossible time; this machine's clock ({now}) or that of the devices is wrong. Such readings are stored with the time of receipt and marked uncertain",
        "最近 {count} 条读数中有 {share}% 时间不合理；本机时钟（{now}）或设备时钟有误。这些读数按接收时间存储，并标为存疑",
    ),
    "ready.clock_set": ("set from {before} to {now}", "由 {before} 改为 {now}"),
    "ready.texts_refused": (
        "{count} text(s) of state points were refused ({points} point(s), {devices} device(s)): see GET /v1/state-texts",
        "已拒绝 {count} 个状态文本（{points} 个测点，{devices} 台设备）：见 GET /v1/state-texts",
    ),
    "ready.rules_broken": ("broken: {names}", "无法编译：{names}"),
    "ready.files_wrong": (
        "the files have {count} problem(s), first {place}; the configuration is unchanged since {since}",
        "文件有 {count} 处问题，首处 {place}；自 {since} 起沿用原配置",
    ),
    "ready.at_start": ("at the next start: {keys}", "下次启动时生效：{keys}"),
    "ready.both": ("{one}; {other}", "{one}；{other}"),
    "ready.endpoint_paused": ("paused: {reason}", "已暂停：{reason}"),
    "ready.endpoint_disabled": ("disabled: {reason}", "已停用：{reason}"),
    "ready.store_down": ("down: {why}; {count} records of the journal wait for it", "不可用：{why}；日志库中有 {count} 条记录待写入"),
    "ready.store_pressed": (
        "down for so long that the journal gives up records it does not have yet ({count} wait for it): bring it back, or raise journal.max_bytes",
        "停用过久，日志库已开始删除尚未写入该库的记录（{count} 条待写入）：请尽快恢复，或调大 journal.max_bytes",
    ),
    "ready.store_missed": (
        "{count} records are missing in it: the journal had no room to keep them until it was back; they are being copied from the first store",
        "缺少 {count} 条记录：恢复之前日志库已无空间保留；正在从第一个读数库补入",
    ),
    "ready.part.store": ("store {name}", "读数库 {name}"),
    "ready.part.disk": ("disk", "磁盘"),
    "ready.part.clock": ("clock", "时钟"),
    "ready.part.rules": ("rules", "规则"),
    "ready.part.source": ("source {name}", "数据源 {name}"),
}
