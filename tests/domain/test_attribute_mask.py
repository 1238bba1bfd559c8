"""Number plates as they are shown."""

import pytest

from gateway.domain.attribute_mask import NO_MASK, AttributeMask, masked
from gateway.logs import redact


@pytest.mark.parametrize(
    ("whole", "shown"),
    [("京A·12345", "京A****5"), ("京AD12345", "京A****5"), ("沪B12345", "沪B****5"), ("A123", "****"), ("", "****")],
)
def test_two_characters_and_the_last_stay(whole: str, shown: str) -> None:
    assert masked(whole) == shown


def test_attributes_and_texts_that_repeat_them() -> None:
    attrs = {"plate": "京A·12345", "driver_no": 1234567.0, "route": "7", "vin": "AB"}
    mask = AttributeMask(frozenset({"plate", "driver_no", "vin"}))
    assert mask.attrs(attrs) == {"plate": "京A****5", "driver_no": "12****0", "route": "7", "vin": "****"}
    assert mask.text("Van 京A·12345 (AB)", attrs) == "Van 京A****5 (AB)"
    assert mask.text("Van 7", {}) == "Van 7"
    assert NO_MASK.attrs(attrs) == attrs


def test_log_lines_mask_plates_in_any_text() -> None:
    line = redact(None, "", {"event": "unknown device 京A·12345", "deep": [{"x": "粤BD12345"}, 3], "device": "DC-0007"})
    assert line == {"event": "unknown device 京A****5", "deep": [{"x": "粤B****5"}, 3], "device": "DC-0007"}
