"""What a process holds in memory, as the kernel counts it."""

from pathlib import Path

MIB = 1 << 20


def resident(pid: int) -> int:
    """Bytes (VmRSS)."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024
