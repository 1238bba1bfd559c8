"""Messages of which a part could not be used: journaled, and a dead letter as well."""

from pathlib import Path

from intake_parts import T0, Rig, parcel

from gateway.domain.record import Raw
from gateway.intake import Balance


async def test_a_message_may_be_journaled_and_leave_a_dead_letter(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    letter = Raw("broker", "t", "state_overflow", b"{}", T0)
    await rig.intake.emit(parcel(1, 2, partial=(letter,)))
    assert rig.bodies()[-1] == letter
    assert rig.intake.balance() == Balance(received=1, journaled=1, partial=1, decoded=2, readings_journaled=2)
    rig.close()
