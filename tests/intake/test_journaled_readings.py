"""How many readings were journaled up to a sequence number."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.intake.balance import JournaledReadings

RECORDS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 100)), max_size=30)


@given(RECORDS, st.integers(0, 200), st.integers(1, 10))
def test_it_tells_the_sum_or_that_it_has_forgotten(records: list[tuple[int, int]], requested: int, most: int) -> None:
    trail, seq, kept = JournaledReadings(most), 0, list[tuple[int, int]]()
    for gap, rows in records:
        seq += gap
        kept.append((seq, rows))
        trail.add(seq, rows)
    assert trail.total == sum(rows for _, rows in kept)
    oldest = ([(0, 0), *kept])[-most:][0][0]
    wanted = sum(rows for at, rows in kept if at <= requested)
    assert trail.upto(requested) == (wanted if requested >= oldest else None)
