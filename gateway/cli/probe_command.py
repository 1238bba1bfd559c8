"""`fieldgate probe`"""

import click

from gateway.cli.probe.modbus import modbus
from gateway.cli.probe.mqtt import mqtt


@click.group("probe")
def command() -> None:
    """Look at what is there and propose files for it. Reads only: nothing is published or written to a device.

    Example: fieldgate probe mqtt mqtt://127.0.0.1:1883 --for 60s --write my-site
    """


command.add_command(modbus)
command.add_command(mqtt)
