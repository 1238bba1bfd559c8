"""A disk that is slow, fails or is full: `shim/disk.c`, compiled here and preloaded into the process under test.

    disk = FaultyDisk(tmp_path)          # skips the test where there is no C compiler
    spawn(..., env=disk.environment)
    disk.rules("fsync EIO .duckdb 1")    # one failed fsync of a DuckDB file
    disk.rules("fsync 2000 journal.sqlite")  # each fsync of the journal takes two seconds
    disk.rules()                         # all is well again

The rules are described in `shim/disk.c`; they take effect at once, and only in processes of this environment.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "shim" / "disk.c"


def compiled(folder: Path) -> Path:
    """The shared object. Skips the test where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler for the fault shim (apt-get install gcc libc6-dev)")
    shim = folder / "disk.so"
    command = [
        compiler,
        "-shared",
        "-fPIC",
        "-O1",
        "-Wall",
        "-Werror",
        "-o",
        str(shim),
        str(SOURCE),
        "-ldl",
        "-pthread",
    ]
    subprocess.run(command, check=True, timeout=60)
    return shim


class FaultyDisk:
    """The rules in force for every process that runs in `environment`."""

    def __init__(self, folder: Path) -> None:
        self._control = folder / "disk.rules"
        self.environment = os.environ | {"LD_PRELOAD": str(compiled(folder)), "FIELDGATE_DISK": str(self._control)}
        self.rules()

    def rules(self, *lines: str) -> None:
        """These, and no others, from now on."""
        scratch = self._control.with_suffix(".part")
        scratch.write_text("".join(line + "\n" for line in lines))
        scratch.replace(self._control)
