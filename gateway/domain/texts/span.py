"""Durations in words."""

TEXTS: dict[str, tuple[str, str]] = {
    "span.day": ("{n} d", "{n} 天"),
    "span.hour": ("{n} h", "{n} 小时"),
    "span.minute": ("{n} min", "{n} 分钟"),
    "span.second": ("{n} s", "{n} 秒"),
}
