"""MQTT 5 packets out of a stream of bytes."""

import mqtt5


def whole_packets(data: bytes) -> tuple[list[mqtt5.Packet], bytes]:
    """The packets that are there in full, and the bytes after them."""
    view, at, found = memoryview(data), 0, list[mqtt5.Packet]()
    while at < len(view):
        try:
            packet, size = mqtt5.read(view[at:])
        except IndexError:
            break
        at += size
        found.append(packet)
    return found, bytes(view[at:])
