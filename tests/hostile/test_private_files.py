"""What the gateway writes is for its own user alone, also in a folder that somebody made for everybody."""

import stat
from pathlib import Path

import pytest
from hostile_kit import CONFIG, gateway_process, ready, said, wait_until, write_project

from gateway.app.build import restrict_access
from gateway.domain.errors import StoreError
from simulators.servers import free_port


@pytest.mark.fault
def test_nothing_is_open_to_others(tmp_path: Path) -> None:
    log, api = tmp_path / "gateway.log", free_port()
    config = write_project(tmp_path / "p", devices=["D1"], broker=free_port(), api=api, config=CONFIG)
    data = config.parent / "var"
    data.mkdir(mode=0o755)
    data.chmod(0o755)
    with gateway_process(config, log, umask=0o022):
        wait_until(lambda: ready(api), 60, log.read_text)
        made = [data, *data.rglob("*")]
        assert len(made) > 4
        assert {str(path): oct(path.stat().st_mode) for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077} == {}
    (warning,) = said(log, "data_dir was open to other users: it is not any more")
    assert warning["mode"] == "0755"


def test_somebody_elses_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "var"
    data.mkdir(mode=0o755)
    data.chmod(0o755)

    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(StoreError, match="is open to other users"):
        restrict_access(data)
