"""MQTT 5 packets from a stream of bytes."""

import mqtt5


def whole_packets(data: bytes) -> tuple[list[mqtt5.Packet], bytes]:
    """The complete packets, and the bytes after them."""
    view, at, found = memoryview(data), 0, list[mqtt5.Packet]()
    while at < len(view):
        try:
            packet, size = mqtt5.read(view[at:])
        except IndexError:
            break
        at += size
        found.append(packet)
    return found, bytes(view[at:])
