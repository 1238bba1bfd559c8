"""What an engine asks of stored history: the open requests of its evaluators as values."""

from collections.abc import Iterable

from gateway.domain.history_request import HistoryRequest
from rules.engine.evaluator import Evaluator
from rules.engine.rerun.warmup import history_start


def open_requests(cores: Iterable[Evaluator]) -> tuple[HistoryRequest, ...]:
    """Oldest first; one for each device, group and waiting rule. Two evaluators that ask about one device ask once."""
    found, rules = dict[int, HistoryRequest](), list[HistoryRequest]()
    for core in cores:
        for subject, pending in core.requests.open.items():
            if isinstance(subject, tuple):
                rule, group = subject
                span = pending.since, pending.start
                rules.append(HistoryRequest(pending.seq, 0, rule, *span, group, pending.devices))
                continue
            other = found.get(subject, HistoryRequest(0, subject, since=pending.since, start=pending.start))
            found[subject] = HistoryRequest(
                max(other.seq, pending.seq),
                subject,
                "",
                min(other.since, pending.since),
                min(other.start, pending.start),
                devices=tuple(sorted({*other.devices, *pending.devices})),
            )
        waiting = core.installed.waiting.items()
        rules += [HistoryRequest(seq, 0, rule, core.now, history_start(core, rule)) for rule, seq in waiting]
    return tuple(sorted([*found.values(), *rules], key=lambda one: (one.seq, one.device, one.rule, one.group)))
