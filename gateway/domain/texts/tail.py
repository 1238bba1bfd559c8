"""`fieldgate tail` and `fieldgate devices`."""

TEXTS: dict[str, tuple[str, str]] = {
    "live.not_running": ("no gateway answers at {url}: fieldgate run", "{url} 上没有运行中的网关：请先运行 `fieldgate run`"),
    "tail.lost": ("{url} does not answer any more: {error}", "{url} 不再应答：{error}"),
    "tail.refused": ("the gateway answered {status}: {said}", "网关返回 {status}：{said}"),
    "tail.begin": ("{url}: what happens from now on; Ctrl-C ends it", "{url}：从现在起实时显示；按 Ctrl-C 结束"),
    "tail.skipped": ("{count} lines came too fast to be shown", "另有 {count} 行来不及显示"),
    "tail.kind.message": ("message", "消息"),
    "tail.kind.reading": ("reading", "读数"),
    "tail.kind.alarm": ("ALARM  ", "告警"),
    "tail.kind.order": ("ORDER  ", "工单"),
    "tail.quality": ("  ({quality})", "（{quality}）"),
    "tail.taken": ("{count} readings", "{count} 条读数"),
    "tail.dead": ("dead letter: {reason} ({address})", "死信：{reason}（{address}）"),
    "devices.none": ("no unknown device is in the dead letters", "死信中没有未知设备"),
    "devices.more": (
        "only the newest {count} devices are shown; list them, then run this again",
        "只显示最近的 {count} 台；登记后再查询其余设备",
    ),
    "devices.line": (
        "{code}: {count} message(s), last {last}, on {topic}; {why}",
        "{code}：{count} 条消息，最近 {last}，主题 {topic}；{why}",
    ),
    "devices.fits": ("{profile} takes {rows} points of it", "型号 {profile} 可取其中 {rows} 个测点"),
    "devices.fits_none": ("no profile takes a point of it", "没有型号能取其中的测点"),
    "devices.append": (
        "to add them: fieldgate devices unknown >> {file}", "登记这些设备：fieldgate devices unknown >> {file}"),
}
