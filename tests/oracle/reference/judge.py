"""What is right: all transitions of one device, from its readings sorted and corrected."""

from collections.abc import Callable
from dataclasses import replace

from oracle.reference.groups import Group
from oracle.reference.peers import others
from oracle.reference.plans import Due, Every
from oracle.reference.runs import Streak, Votes
from oracle.reference.sequences import Sequences
from oracle.reference.silence import Silence
from oracle.reference.thresholds import Threshold
from oracle.reference.time_order import Device
from oracle.reference.values import History
from oracle.scene import DeviceDef, RuleDef, Said, SceneDef

FORMS: dict[str, Callable[[Device], Threshold | Silence | Streak | Votes | Sequences | Due | Every]] = {
    "levels": Threshold, "silent": Silence, "streak": Streak, "votes": Votes, "sequence": Sequences, "due": Due,
    "every": Every,
}  # fmt: skip


def judge(scene: SceneDef, number: int) -> list[Said]:
    """The transitions of device `number`, in order."""
    rule = scene.rule
    if rule.group:
        mine = [one for one in scene.devices if one.attrs["g"] == scene.groups[number]]
        members = [guns(one, rule, scene.start) for one in mine]
        end = max([scene.until, *(t for guns in members for one in guns for t in one.times)]) - rule.lateness
        return real(Threshold(Group(scene, members, end)).run())
    history = History(rule.points, scene.devices[number].messages, scene.start)
    newest = max([scene.until, *history.times])  # what its clock told ahead of time moves its time, too
    device = Device(scene, number, history, newest - rule.lateness)
    device.signals.others = {
        name: others(scene, number, signal) for name, signal in rule.let.items() if signal.operator == "peers"
    }
    return real(FORMS[rule.form](device).run())


def guns(device: DeviceDef, rule: RuleDef, start: int) -> list[History]:
    """The readings of each component of a device, or of the device itself."""
    if not rule.components:
        return [History(rule.points, device.messages, start)]
    found = []
    for number in range(1, rule.components + 1):
        mark = f"#{number}."
        mine = [
            replace(
                one,
                values={name.removeprefix(mark): value for name, value in one.values.items() if name.startswith(mark)},
            )
            for one in device.messages
        ]
        found.append(History(rule.points, [one for one in mine if one.values], start))
    return found


def real(said: list[Said]) -> list[Said]:
    """An alarm whose end would be at its raise, or before it, never was."""
    out: list[Said] = []
    for one in said:
        last = next((k for k in range(len(out) - 1, -1, -1) if out[k].identity == one.identity), None)
        if last is not None and (one.what, out[last].what) == ("cleared", "raised") and one.at <= out[last].at:
            del out[last]
        else:
            out.append(one)
    return out
