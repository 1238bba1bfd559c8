"""A series store that forgets what it confirmed (an older copy put back): the journal fills it up again, exactly."""

import shutil
from pathlib import Path

import process_kit as kit
import pytest
from fault_kit import installation

pytestmark = kit.NEEDS_MOSQUITTO


@pytest.mark.slow_fault
def test_an_older_copy_of_the_series_store_is_caught_up_from_the_journal(tmp_path: Path) -> None:
    with installation(tmp_path) as site:
        site.start()
        site.send(800)
        site.settled()
        assert site.stop() == 0
        series, copy = site.data / "series", tmp_path / "copy"
        shutil.copytree(series, copy)
        site.restarted = True
        site.start()
        site.send(800)
        site.kill()
        shutil.rmtree(series)
        shutil.copytree(copy, series)
        site.start()
        site.send(200)
        site.settled()
        site.check()
