"""The product's answer to a scene: its own runner of cases, live with restarts, and the journal replayed row by row."""

from dataclasses import dataclass
from functools import lru_cache

from oracle.scene import SceneDef
from oracle.yaml_text import RULE, case_table, file_text
from row_by_row import RowEngine

from gateway.domain.alarm import Change, Transition, canonical
from gateway.domain.record import Record
from rules.casetest.play import TENANT, CasePlayer
from rules.casetest.read import read_case
from rules.compiled import Names
from rules.format import Case, Loaded, compile_policy, compile_source, load_text


@dataclass(frozen=True)
class Answer:
    """`said` per device; `replayed` False: the journal, replayed row by row, gave something else."""

    said: tuple[tuple[Transition, ...], ...]
    replayed: bool
    problems: tuple[str, ...] = ()


@lru_cache(maxsize=64)
def load(text: str) -> Loaded:
    """A rule file."""
    return load_text(text, "oracle.yaml", Names({}))


def answer(scene: SceneDef, *, replays: bool = True) -> Answer:
    """Run the scene. A rule or a case that the product refuses is a problem of the generator."""
    loaded = load(file_text(scene.rule))
    if loaded.problems:
        return Answer((), True, tuple(problem.render() for problem in loaded.problems))
    case = Case("oracle.yaml", RULE, case_table(scene), "test[0]")
    read = read_case(case, loaded.rules[0], loaded.tests, loaded.rules)
    if read.problems:
        return Answer((), True, tuple(problem.render() for problem in read.problems))
    stage = CasePlayer(read)
    stage.run()
    by_device: list[list[Transition]] = [[] for _ in range(scene.cases)]
    for one in stage.got:
        if one.change is not Change.MERGED:
            place = scene.groups.index(one.thing.group) if scene.rule.group else one.thing.device - 1
            by_device[place].append(one)
    same = not replays or [canonical(one) for one in stage.got] == [canonical(one) for one in _again(stage.records)]
    return Answer(tuple(map(tuple, by_device)), same)


def _again(records: list[Record]) -> list[Transition]:
    """Row by row, lost and restored in the middle."""
    engine = RowEngine(0, compile_source, TENANT, compile_policy=compile_policy)
    got: list[Transition] = []
    for number, record in enumerate(records):
        if number == len(records) // 2:
            engine = RowEngine.restore(engine.snapshot(), compile_source, compile_policy=compile_policy)
        got += engine.step(record)
    return got
