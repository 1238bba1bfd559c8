"""Checks of a running gateway: its readiness, and the balance of its counts; without one, checks of its files."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from gateway import expected_stores
from gateway.adapters import SOURCES
from gateway.api.tls import pinned
from gateway.doctor import database_server
from gateway.domain.errors import StoreError
from gateway.domain.finding import DoctorFinding, Grade, bad, ok, warn
from gateway.domain.language_values import Phrase
from gateway.domain.text import Lang
from gateway.section import AdapterSection
from gateway.settings.model import Settings
from gateway.store import DatabasePlace, Queries, SqlDeliveryQueue

TIMEOUT: Final = 10.0
NO_SOURCES: Final[Mapping[str, AdapterSection]] = {}
_SAMPLE = re.compile(r"fieldgate_(\w+)\{(.*)\} (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
OK: Final = "ok"


def fetch_health(
    url: str, lang: Lang, cert: Path | None = None, sources: Mapping[str, AdapterSection] = NO_SOURCES
) -> list[DoctorFinding] | None:
    """Answers of /readyz and /metrics at `url`; None if there is no answer. `cert`: the certificate the server must
    present."""
    verify = pinned(cert) if cert is not None else True
    try:
        with httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False, verify=verify) as client:
            ready = client.get("/readyz", params={"lang": lang}).json()
            metrics = client.get("/metrics").raise_for_status().text
    except (httpx.HTTPError, ValueError):
        return None
    return [*readiness(ready), balance(metrics), *abnormal(metrics), *of_sources(metrics, sources)]


def readiness(answer: Mapping[str, Any]) -> Iterator[DoctorFinding]:
    """Findings in the answer of /readyz. Pure."""
    if answer.get("ready"):
        yield ok("doctor.ready")
    else:
        yield bad("doctor.unready", "doctor.unready.do")
    for area in ("parts", "stores", "sources", "endpoints"):
        for name, words in answer.get(area, {}).items():
            if words != OK:
                yield warn("doctor.part", "doctor.part.do", area=area, name=name, words=words)


def balance(metrics: str) -> DoctorFinding:
    """Findings about the balance of messages: received = journaled + refused. Pure; `metrics` is the text of
    /metrics."""
    wrong, received = [], 0.0
    for line in metrics.splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("fieldgate_balance_") and float(value) != 0:
            wrong.append(line)
        if name.startswith("fieldgate_messages_total") and 'state="received"' in name:
            received += float(value)
    if wrong:
        return bad("doctor.unbalanced", "doctor.unbalanced.do", lines="; ".join(wrong))
    return ok("doctor.balanced", count=int(received))


def abnormal(metrics: str) -> Iterator[DoctorFinding]:
    """How many readings were marked as abnormal, the most frequent reason first; nothing when none was. Pure."""
    counts: dict[str, int] = {}
    for line in metrics.splitlines():
        if (sample := _SAMPLE.fullmatch(line)) and sample[1] == "abnormal_readings_total" and float(sample[3]):
            counts[dict(_LABEL.findall(sample[2]))["reason"]] = int(float(sample[3]))
    if counts:
        reasons = sorted(counts.items(), key=lambda one: -one[1])
        yield ok(
            "doctor.abnormal",
            count=sum(counts.values()),
            reasons=tuple(_reason(word, number) for word, number in reasons),
        )


def _reason(word: str, count: int) -> Phrase:
    return Phrase("doctor.abnormal.one", {"reason": Phrase(f"readings.reason.{word}"), "count": count})


def of_sources(metrics: str, sources: Mapping[str, AdapterSection]) -> Iterator[DoctorFinding]:
    """What the adapters find in the metrics of their sources. Pure; `metrics` is the text of /metrics."""
    values: dict[str, dict[tuple[str, ...], float]] = {name: {} for name in sources}
    for line in metrics.splitlines():
        if sample := _SAMPLE.fullmatch(line):
            labels = dict(_LABEL.findall(sample[2]))
            if (name := labels.pop("source", "")) in values:
                values[name][sample[1].removesuffix("_total"), *labels.values()] = float(sample[3])
    for name, config in sources.items():
        yield from SOURCES[config.type].examine_running(name, values[name])


def stores(settings: Settings) -> Iterator[DoctorFinding]:
    """Findings about missing stores, the database server, and what waits in the database. Also works beside a running
    gateway."""
    data, tenant, config = settings.data_dir, settings.tenant, settings.database
    try:
        gone = expected_stores.missing(data)
        expected_stores.check_database(data, embedded=config.embedded)
        place = DatabasePlace(data, config)
        known = place.exists()
    except StoreError as error:
        yield bad("doctor.store", "doctor.store.do", error=error)
        return
    if gone:
        yield bad("doctor.missing", "doctor.store.do", paths=", ".join(map(str, gone)))
    if not config.embedded:
        found = database_server.examine(place)
        yield from found
        known = known and not any(one.grade is Grade.BAD for one in found)
    if not known:
        if not gone:
            yield ok("doctor.no_data", path=data)
        return
    database = place.open()
    try:
        pending = database.plan().pending
        if pending:
            yield warn("doctor.migrate", "doctor.migrate.do", pending=", ".join(pending))
            return
        counts = Queries(database, tenant).counts()
        dead, disabled = counts.get("deliveries.dead", 0), SqlDeliveryQueue(database, tenant).disabled()
    except StoreError as error:
        yield bad("doctor.store", "doctor.store.do", error=error)
        return
    finally:
        database.dispose()
    if dead:
        yield warn("doctor.dead", "doctor.dead.do", count=dead)
    for name in disabled:
        yield warn("doctor.disabled", "doctor.disabled.do", endpoint=name)
    if not dead and not disabled:
        yield ok("doctor.stores", orders=sum(n for key, n in counts.items() if key.startswith("orders.")))
