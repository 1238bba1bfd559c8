"""What intake knew before the process started: corrections, exchanged meters, and values to compare with."""

from pathlib import Path

from gateway.app.stores import OpenStores
from gateway.intake import Intake
from gateway.intake.plausible_file import PlausibilityFile
from gateway.store.corrections import ANY, facts_of_exchanges


def restore(intake: Intake, stores: OpenStores, folder: Path) -> PlausibilityFile:
    """Fill a new intake. Returns the file in which its values are kept."""
    known = stores.sql.corrections
    intake.standing.load((one.after() for one in known.in_force()), facts_of_exchanges(known.exchanges(ANY)))
    file = PlausibilityFile(folder, stores.partition)
    file.restore(intake.plausibility, stores.journal)
    return file
