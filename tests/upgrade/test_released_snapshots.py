"""C7, upgrade: snapshots that earlier builds made. Today's engine loads each and goes on as if it had never stopped.

`snapshot_journal.py` made them, with the code of those builds; the journal is in that file too.
"""

import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace
from snapshot_journal import HERE, METERS, engine, journal

from gateway.domain.alarm import Transition, canonical
from gateway.domain.engine_status import EngineStatus
from gateway.domain.reading import Batch
from gateway.domain.record import Record
from rules.engine import Engine
from rules.engine.rerun import answer, history_in_memory
from rules.engine.rerun.scratch_engine import ScratchEngine
from rules.engine.rerun.warmup_job import decoded_result, restored_engine
from rules.format import compile_policy, compile_source
from rules.format.rule_source import RuleSource, decoded

SNAPSHOTS = sorted(HERE.glob("*.xz"))


def restored(blob: bytes) -> Engine:
    return Engine.restore(blob, compile_source, compile_policy=compile_policy)


def bytes_of(found: Iterable[Transition]) -> list[bytes]:
    return [canonical(one) for one in found]


def shown(one: Engine) -> tuple[EngineStatus, dict[str, tuple[str, str, RuleSource]]]:
    """Without the next timer: after a restart the engine looks at more than may be due. Rules by what their sources
    mean: a later release writes more keys."""
    status = one.status()
    rules = {name: (rule.revision, rule.zone, decoded(rule.source)) for name, rule in status.rules.items()}
    return replace(status, next_due=None, rules={}), rules


@dataclass(frozen=True)
class Life:
    """An engine that never stopped: what it showed at the snapshot, each later record with what it decided, the end.
    `warmed` is the result of a warm-up by an earlier build, taken at the snapshot."""

    at_snapshot: object
    later: list[tuple[Record, list[bytes]]]
    got: list[Transition]
    at_end: object
    memory: object
    warmed: ScratchEngine | None
    warmed_rule: str


@pytest.fixture(scope="module")
def life() -> Life:
    """Lived once: every snapshot is compared with it."""
    before, after = journal()
    lives = engine()
    for record in before:
        lives.step(record)
    (packed,) = (HERE.parent / "warm_up").glob("*.xz")
    found = decoded_result(lzma.decompress(packed.read_bytes()))
    assert found is not None
    warmed = restored_engine(lives.evaluators.main, found)
    at_snapshot = shown(lives)
    batches = [one.body for one in before if isinstance(one.body, Batch)]
    got: list[Transition] = []
    later: list[tuple[Record, list[bytes]]] = []

    def step(record: Record) -> None:
        mine = Record(lives.seq + 1, record.at, record.body)
        decided = lives.step(mine)
        later.append((mine, bytes_of(decided)))
        got.extend(decided)

    for number, record in enumerate(after):
        if isinstance(record.body, Batch):
            batches.append(record.body)
        step(record)
        if number == 80:  # rules and groups get their history, and a meter
            for fact in answer(lives, history_in_memory(batches)):
                if fact.device in {0, METERS[1].id}:
                    step(Record(0, record.at, fact))
    return Life(at_snapshot, later, got, shown(lives), lives.memory(), warmed, found.rule)


@pytest.mark.parametrize("packed", SNAPSHOTS, ids=lambda path: path.stem)
def test_a_snapshot_of_an_earlier_build_goes_on_as_if_it_had_never_stopped(packed: Path, life: Life) -> None:
    old = restored(lzma.decompress(packed.read_bytes()))
    assert shown(old) == life.at_snapshot
    for record, decided in life.later:
        assert bytes_of(old.step(record)) == decided, record
    assert shown(old) == life.at_end
    assert old.memory() == life.memory
    assert len(life.got) > 100
    assert {one.rule for one in life.got if one.late}, "some were decided once more"


def test_there_is_a_snapshot_of_the_form_before() -> None:
    assert SNAPSHOTS
    assert sum(path.stat().st_size for path in SNAPSHOTS) < 200_000


def test_the_result_of_a_warm_up_by_an_earlier_build_is_taken(life: Life) -> None:
    """It stands in the journal as a fact: after the upgrade it may be replayed."""
    scratch = life.warmed
    assert scratch is not None
    assert scratch.made
    group = scratch.core.installed.groups[life.warmed_rule]
    assert group.table.rows
    assert all(votes.true.any() or votes.size.any() for members in group.table.kinds for votes in members.votes)
