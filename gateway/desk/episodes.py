"""One transition on one alarm episode. Pure."""

import msgspec

from gateway.desk.keys import alarm_key
from gateway.domain.alarm import AlarmChange, Change, Evidence, Transition
from gateway.domain.workorder import Alarm, AlarmState

MAX_EVIDENCE = 25  # readings, signals, thresholds that an episode keeps
MAX_TEXT = 2_000


def bounded(evidence: Evidence) -> Evidence:
    """Evidence with a bound: the first readings decided, the rest is noise."""
    lists = (evidence.readings, evidence.signals, evidence.thresholds, evidence.members)
    most = max(len(one) for one in lists)
    if most <= MAX_EVIDENCE and len(evidence.condition) <= MAX_TEXT:
        return evidence
    return msgspec.structs.replace(
        evidence,
        condition=evidence.condition[:MAX_TEXT],
        readings=evidence.readings[:MAX_EVIDENCE],
        signals=evidence.signals[:MAX_EVIDENCE],
        thresholds=evidence.thresholds[:MAX_EVIDENCE],
        members=evidence.members[:MAX_EVIDENCE],
        others=evidence.others + max(0, len(evidence.members) - MAX_EVIDENCE),
    )


def change_of(transition: Transition, alarm: str) -> AlarmChange:
    """The transition as the history of alarm `alarm` (its id) keeps it."""
    t = transition
    return AlarmChange(
        t.id, t.tenant, alarm, t.change, t.level, t.at, t.decided, t.reason, t.late, t.count, bounded(t.evidence)
    )


def opened(transition: Transition, now: int) -> Alarm:
    """The episode that this transition begins; its id is the transition's."""
    t, thing = transition, transition.thing
    evidence = bounded(t.evidence)
    received = max((reading.received for reading in evidence.readings), default=0)
    return Alarm(
        id=t.id,
        tenant=t.tenant,
        partition=t.partition,
        key=alarm_key(t, t.tenant),
        rule=t.rule,
        revision=t.revision,
        device=thing.device,
        component=thing.component,
        group=thing.group,
        identity=t.identity,
        state=AlarmState.RAISED,
        level=t.level,
        peak=t.level,
        plan=t.plan,
        evidence=evidence,
        raised_at=t.at,
        decided_at=t.decided,
        received_at=received,
        recorded_at=now,
        last_seen=t.at,
        updated_at=now,
        reason=t.reason,
        late=t.late,
        imported=t.imported,
        suspect=t.suspect,
        live=t.live,
        count=max(t.count, 1),
        unstable=t.unstable,
        stale=t.stale,
        muted=t.muted,
        limited=t.limited,
        held_until=t.held_until,
    )


def continued(alarm: Alarm, transition: Transition, now: int) -> Alarm:
    """The episode continues: raised again, or at another level. A level keeps no count, and a lower one decides
    nothing new: what waits continues to wait."""
    t = transition
    if t.change is not Change.LEVEL_DOWN:
        alarm = msgspec.structs.replace(
            alarm, stale=alarm.stale and t.stale, limited=t.limited, held_until=t.held_until
        )
    raises = max(t.count, 1) if t.change is Change.RAISED else 0
    evidence = alarm.evidence if t.change is Change.LEVEL_DOWN else bounded(t.evidence)
    return msgspec.structs.replace(
        alarm,
        level=t.level,
        peak=max(alarm.peak, t.level),
        plan=t.plan,
        revision=t.revision,
        evidence=evidence,
        count=alarm.count + raises,
        last_seen=max(alarm.last_seen, t.at),
        updated_at=now,
        suspect=alarm.suspect or t.suspect,
        live=t.live,
        version=alarm.version + 1,
        unstable=alarm.unstable or t.unstable,
        muted=t.muted,
        imported=t.imported if t.change is Change.RAISED else alarm.imported,
    )


def merged(alarm: Alarm, parent: Alarm | None, now: int) -> Alarm:
    """Part of the episode of `parent`, until that ends; of an unknown one, only a record."""
    return msgspec.structs.replace(
        alarm,
        state=AlarmState.MERGED,
        parent=parent.id if parent else "",
        updated_at=now,
        cleared_at=None if parent else alarm.last_seen,
    )


def released(alarm: Alarm, at: int, now: int) -> Alarm:
    """The episode it was merged into ended at `at`: if it is still true, it is raised separately."""
    return msgspec.structs.replace(
        alarm, cleared_at=at, reason="parent_ended", updated_at=now, version=alarm.version + 1
    )


def ended(alarm: Alarm, transition: Transition, now: int) -> Alarm:
    """The episode is over: cleared, or withdrawn by a late reading. The engine counted its multiples and matches."""
    withdrawn = transition.change is Change.WITHDRAWN
    return msgspec.structs.replace(
        alarm,
        state=AlarmState.WITHDRAWN if withdrawn else AlarmState.CLEARED,
        cleared_at=transition.at,
        reason=transition.reason,
        updated_at=now,
        suspect=alarm.suspect or transition.suspect,
        count=max(alarm.count, transition.count),
        version=alarm.version + 1,
    )
