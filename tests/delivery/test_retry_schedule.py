"""The retry plan, outcomes and reasons: pure decisions."""

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.delivery.attempt_outcome import SinkFault, outcome_of
from gateway.delivery.config import DeliveryConfig
from gateway.delivery.reasons import explain
from gateway.delivery.retry_schedule import RETRIES, retry_delay
from gateway.domain.delivery import Receipt
from gateway.domain.duration import HOUR, MINUTE, SECOND
from gateway.domain.errors import DeliveryDeferred, DeliveryRefused
from gateway.domain.text import catalogue

DRAW = st.floats(0, 1, exclude_max=True)
ROOT = Path(__file__).parents[2]


def test_the_plan() -> None:
    plan = [retry_delay(n, RETRIES, jitter=0.2, draw=0.5) for n in range(1, 13)]
    seconds = [None if w is None else w // SECOND for w in plan]
    assert seconds == [5, 12, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400, None, None]


@given(st.integers(1, 10), DRAW, st.floats(0, 0.5))
def test_jitter_stays_within_its_share(attempt: int, draw: float, jitter: float) -> None:
    planned = RETRIES[attempt - 1]
    got = retry_delay(attempt, RETRIES, jitter=jitter, draw=draw)
    assert got is not None
    assert planned * (1 - jitter) - 1 <= got <= planned * (1 + jitter) + 1


@given(st.integers(1, 10), DRAW, st.integers(0, 100 * HOUR), st.integers(1, 10 * HOUR))
def test_retry_after_is_never_shortened_but_capped(attempt: int, draw: float, requested: int, cap: int) -> None:
    got = retry_delay(attempt, RETRIES, jitter=0.2, draw=draw, retry_after=requested, retry_after_max=cap)
    assert got is not None
    assert got >= min(requested, cap)
    assert got <= max(RETRIES[attempt - 1], min(requested, cap)) * 1.2 + 1


CONFIG = DeliveryConfig()


def outcome(result: object, attempt: int = 1, config: DeliveryConfig = CONFIG):
    return outcome_of(result, attempt, 1000, 7, 0.5, config)  # type: ignore[arg-type]


def test_outcomes() -> None:
    done = outcome(Receipt(200, "r", "ok"))
    assert (done.settled.state, done.settled.reference, done.settled.excerpt, done.signal) == (
        "delivered",
        "r",
        "ok",
        "worked",
    )
    assert done.settled.latency == 7
    later = outcome(DeliveryDeferred("failing: 500", status=500), 2)
    assert (later.settled.state, later.settled.next_at, later.settled.charge) == ("retry", 1000 + 12 * SECOND, True)
    last = outcome(DeliveryDeferred("failing: 500", status=500), 11)
    assert (last.settled.state, last.settled.reason, last.settled.status) == ("dead", "exhausted: failing: 500", 500)
    never = outcome(DeliveryRefused("bad_body"))
    assert (never.settled.state, never.signal, never.disable) == ("dead", "nothing", False)
    gone = outcome(DeliveryRefused("gone: 410", status=410, disable=True))
    assert (gone.settled.state, gone.settled.charge, gone.disable) == ("retry", False, True)
    free = outcome(DeliveryDeferred("account: x", status=200, charge=False, retry_after=10 * MINUTE), 11)
    assert (free.settled.state, free.settled.charge, free.settled.next_at) == ("retry", False, 1000 + 11 * MINUTE)
    fault = outcome(SinkFault("KeyError"), 1)
    assert (fault.settled.state, fault.settled.reason, fault.signal) == ("retry", "fault: KeyError", "nothing")
    assert outcome(SinkFault("KeyError"), 11).settled.state == "dead"


@pytest.mark.parametrize(
    ("status", "lesson"),
    [
        (0, "failed"),
        (500, "failed"),
        (503, "failed"),
        (429, "failed"),
        (401, "failed"),
        (404, "failed"),
        (302, "failed"),
        (400, "worked"),
        (409, "worked"),
        (422, "worked"),
        (200, "worked"),
    ],
)
def test_what_the_breaker_learns(status: int, lesson: str) -> None:
    assert outcome(DeliveryDeferred("x", status=status)).signal == lesson
    assert outcome(DeliveryRefused("x", status=status)).signal == ("nothing" if status == 0 else lesson)


def test_only_the_endpoint_as_a_whole_rests() -> None:
    assert outcome(DeliveryDeferred("busy", status=429, retry_after=60 * SECOND)).pause == 60 * SECOND
    assert outcome(DeliveryDeferred("busy", status=503, retry_after=100 * HOUR)).pause == CONFIG.retry_after_max
    assert outcome(DeliveryDeferred("limit", status=200, retry_after=60 * SECOND)).pause == 0


def test_backoff_off_retries_at_once() -> None:
    off = DeliveryConfig(backoff=False)
    got = outcome(DeliveryDeferred("busy", status=429, retry_after=60 * SECOND), 3, off)
    assert (got.settled.next_at, got.pause) == (1000, 0)
    assert outcome(DeliveryDeferred("busy", status=429), 11, off).settled.state == "dead"


def test_configuration() -> None:
    config = DeliveryConfig.model_validate({"retries": ["1s", "2m"], "lease": "90s", "breaker": {"pause": "1s"}})
    assert (config.retries, config.lease, config.breaker.pause) == ((SECOND, 2 * MINUTE), 90 * SECOND, SECOND)
    for bad in (
        {"lease": "40s"},
        {"deadline": "2m"},
        {"concurrency": 0},
        {"jitter": 0.9},
        {"poll": "0s"},
        {"retry": 1},
    ):
        with pytest.raises(ValidationError):
            DeliveryConfig.model_validate(bad)


def test_reasons_in_words() -> None:
    assert explain("busy: 503 later") == "The receiver asks to wait (503 later)"
    assert explain("timeout", "zh") == "在时限内没有收到完整应答"
    assert (
        explain("exhausted: failing: 500")
        == "All attempts failed; the last time: The receiver has an error of its own (500)"
    )
    assert explain("exhausted: failing: 500", "zh") == "所有尝试均失败；最后一次：接收方内部出错（500）"
    assert explain("a person decided") == "a person decided"


def test_every_reason_has_its_words() -> None:
    """Labels are found in the source: whoever adds one must write its text."""
    labels: set[str] = set()
    files = [
        *(ROOT / "gateway/delivery").glob("*.py"),
        *(ROOT / "sinks/http").glob("*.py"),
        *(ROOT / "sinks/oa/webhook").glob("*.py"),
        *(ROOT / "sinks/notice/sms").glob("*.py"),
    ]
    makers = {"DeliveryDeferred", "DeliveryRefused", "SendFailed", "Settled", "_reason", "deferred_or_refused"}
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in makers:
                for part in ast.walk(node):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        labels.add(part.value.partition(":")[0])
    labels -= {"", "retry", "dead", "delivered", " "}
    labels = {label for label in labels if re.fullmatch(r"[a-z_]{3,}", label)} - {"secret_"}
    assert {"timeout", "busy", "gone", "bad_id", "limit", "stopped", "paused", "fault", "exhausted"} <= labels
    assert {label for label in labels if f"delivery.reason.{label}" not in catalogue()} == set()
