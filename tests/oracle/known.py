"""What was right by the messages that had come: a raise that people know must have been so at some time."""

from dataclasses import replace

from oracle.reference.judge import judge
from oracle.scene import Message, SceneDef


def unexplained(scene: SceneDef, number: int, raises: set[int]) -> set[int]:
    """Those of the raises of a device that were right at no time, by what it had sent by then. Of devices that hang on
    others none is asked for: these were judged with what had come of the others, not as of its time.
    """
    if scene.rule.group or any(one.operator == "peers" for one in scene.rule.let.values()):
        return set()
    device, left = scene.devices[number], set(raises)
    times = sorted({one.received for one in device.messages})
    for now, following in zip(times, [*times[1:], scene.until], strict=True):
        before = tuple(one for one in device.messages if one.received < now)
        fresh = tuple(one for one in device.messages if one.received == now)
        for first in range(len(fresh)):  # what came at once with it may wait for a second look
            if not left:
                return left
            left -= _raises(scene, number, before + fresh[first:], following)
    return left


def _raises(scene: SceneDef, number: int, messages: tuple[Message, ...], until: int) -> set[int]:
    devices = list(scene.devices)
    devices[number] = replace(devices[number], messages=messages)
    said = judge(replace(scene, devices=tuple(devices), until=until), number)
    return {one.at for one in said if one.what == "raised"}
