"""The configured stores of readings, as backup and recovery see them."""

from collections.abc import Iterator

from gateway.adapter_ports import SeriesFiles
from gateway.adapters import SERIES
from gateway.settings.model import SeriesConfig, Settings


def in_data_folder(settings: Settings) -> Iterator[tuple[SeriesConfig, SeriesFiles]]:
    """Those that keep files there."""
    for config in settings.series:
        if (files := SERIES[config.type].files) is not None:
            yield config, files(settings.data_dir)


def elsewhere(settings: Settings) -> Iterator[SeriesConfig]:
    """Those that keep their readings elsewhere: their own tools copy and repair them."""
    for config in settings.series:
        if SERIES[config.type].files is None:
            yield config
