"""What is wrong, judged from numbers (C1). Pure; the right words are in both languages."""

import pytest

from gateway.domain.byte_size import format_size
from gateway.domain.duration import DAY, HOUR, MINUTE, SECOND
from gateway.domain.errors import Problem
from gateway.domain.language_values import DurationText
from gateway.domain.record import ClockStep
from gateway.health.judgements import Clocks, HealthState, Trouble, clock, configuration, disk, rules, silence

GIB = 2**30
NOW = 1_796_040_000_000_000  # 2026-11-30


def words(trouble: Trouble | None) -> tuple[str, str]:
    assert trouble is not None
    return trouble.phrase.text("en"), trouble.phrase.text("zh")


def test_a_full_disk_is_vital_and_names_the_floor() -> None:
    """C1: a full disk was `ready: true`, the floor was never named."""
    full, low = disk(GIB // 8, GIB // 4), disk(GIB // 3, GIB // 4)
    english, chinese = words(full)
    assert english.startswith("128 MiB left, at or below journal.free_space_floor (256 MiB)")
    assert chinese.startswith("仅剩 128 MiB，已达 journal.free_space_floor（256 MiB）")
    assert full is not None
    assert not HealthState(parts={"disk": full}).ready
    assert low is not None
    assert not low.vital
    assert disk(GIB, GIB // 4) is None
    assert disk(5, 0) is None
    assert disk(0, 0) is not None


def test_a_clock_that_clamps_everything_is_told() -> None:
    """C2: a clock 400 days behind clamped everything without a word."""
    english, chinese = words(clock(Clocks(NOW - 300 * DAY, clamped=90, readings=100)))
    assert english.startswith("90 % of the last 100 readings had an impossible time")
    assert "2026-02-03" in english
    assert "存疑" in chinese
    assert clock(Clocks(NOW, clamped=9, readings=9)) is None, "too few to say"
    assert clock(Clocks(NOW, clamped=40, readings=100)) is None, "a device or two with wrong clocks"


def test_other_troubles_of_the_clock() -> None:
    assert "never set" in words(clock(Clocks(SECOND)))[0]
    assert words(clock(Clocks(NOW, behind=2 * HOUR, suspect=True)))[0].startswith("the clock is 2 h behind the journal")
    step = ClockStep(NOW - HOUR, NOW)
    seen = clock(Clocks(NOW + MINUTE, step=step, stepped=NOW))
    assert words(seen)[1] == "由 2026-11-30T11:00:00.000Z 改为 2026-11-30T12:00:00.000Z"
    assert clock(Clocks(NOW + 2 * HOUR, step=step, stepped=NOW)) is None
    assert clock(Clocks(NOW)) is None


def test_files_that_do_not_load_name_the_file_and_since_when() -> None:
    """C1: the last reload failed, since when, which file."""
    problems = [Problem("/etc/fg/rules/a.yaml", "rules[0]", "config.folder.missing", {"value": "x"}, 7)] * 2
    assert words(configuration(problems, NOW, ())) == (
        "the files have 2 problem(s), first a.yaml:7; the configuration is unchanged since 2026-11-30T12:00:00.000Z",
        "文件有 2 处问题，首处 a.yaml:7；自 2026-11-30T12:00:00.000Z 起沿用原配置",
    )
    both = words(configuration(problems, NOW, ("api.port", "data_dir")))
    assert both[0].endswith("Z; at the next start: api.port, data_dir")
    assert both[1].endswith("；下次启动时生效：api.port, data_dir")
    assert words(rules([f"r{n:02}" for n in range(12)]))[0].endswith("r09 +2")
    assert (rules([]), configuration([], 0, ())) == (None, None)


def test_silence_counts_from_the_connection_or_the_last_message() -> None:
    assert silence(0, None, 10 * MINUTE, 9 * MINUTE) is None
    assert words(silence(0, None, 10 * MINUTE, 10 * MINUTE))[0] == "connected 10 min ago, no message yet"
    assert words(silence(0, HOUR, 10 * MINUTE, HOUR + 12 * MINUTE + 5))[1] == "连接正常，但已 12 分钟没有消息"
    assert silence(2 * HOUR, HOUR, 10 * MINUTE, 2 * HOUR + MINUTE) is None, "it came back a minute ago"
    assert silence(0, None, 0, DAY) is None, "0s: never"


@pytest.mark.parametrize(
    ("us", "english"),
    [
        (0, "0 s"),
        (5 * SECOND, "5 s"),
        (2 * HOUR + 5 * MINUTE + SECOND, "2 h 5 min"),
        (DAY, "1 d"),
        (3 * DAY + MINUTE, "3 d"),
    ],
)
def test_spans(us: int, english: str) -> None:
    assert DurationText(us).text("en") == english


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (256 * 2**20, "256 MiB"), (2**43, "8 TiB")]
)
def test_sizes(size: int, text: str) -> None:
    assert format_size(size) == text
