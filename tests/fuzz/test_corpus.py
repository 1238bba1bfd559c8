"""Every input of the corpus keeps the promises of its codec; so do parts of it, and its neighbours."""

from pathlib import Path

import pytest

from fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus(name: str) -> None:
    inputs = sorted((CORPUS / name).iterdir())
    assert inputs, f"tests/fuzz/corpus/{name} is empty"
    for file in inputs:
        data = file.read_bytes()
        TARGETS[name](data)
        for place in range(0, len(data), max(1, len(data) // 40)):
            TARGETS[name](data[:place])
            TARGETS[name](data[:place] + bytes([data[place] ^ 0x81]) + data[place + 1 :])
            TARGETS[name](data[:place] + data)


def test_every_folder_has_its_target() -> None:
    assert {one.name for one in CORPUS.iterdir()} == set(TARGETS)
