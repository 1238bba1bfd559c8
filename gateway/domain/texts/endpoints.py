"""`fieldgate endpoints`."""

TEXTS: dict[str, tuple[str, str]] = {
    "endpoints.none": ("{file} names no endpoints", "{file} 中没有端点"),
    "endpoints.line": ("{name}  {type}  {host}", "{name}  {type}  {host}"),
    "endpoints.counts": (
        "{breaker}; delivered {delivered}, tried again {retried}, given up {dead}, under way {in_flight}",
        "{breaker}；已送达 {delivered}，重试 {retried}，放弃 {dead}，进行中 {in_flight}",
    ),
    "endpoints.breaker.closed": ("working", "正常"),
    "endpoints.breaker.open": ("paused after failures", "因连续失败暂停"),
    "endpoints.breaker.half_open": ("being probed", "正在试探"),
    "endpoints.off": ("; switched off: {why}", "；已停用：{why}"),
    "endpoints.unknown": (
        "there is no endpoint {name}; the configuration has: {known}", "没有端点 {name}；配置中有：{known}",
    ),
    "endpoints.sent": ("Test event {event} to {name} ({host})", "向 {name}（{host}）发送测试事件 {event}"),
    "endpoints.answer": ("Answer: {status}, after {ms} ms", "应答：{status}，用时 {ms} 毫秒"),
    "endpoints.no_answer": ("none", "无"),
    "endpoints.reason": ("{reason}", "{reason}"),
    "endpoints.body": ("Body: {body}", "内容：{body}"),
}  # fmt: skip
