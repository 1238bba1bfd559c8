"""Two gateways with one client_id (C5): said once, with the likely cause."""

from protocols.mqtt.client_id_conflict import ClientIdConflict


def test_a_session_that_is_taken_over_is_enough() -> None:
    conflict = ClientIdConflict()
    assert conflict.ended(0.0, 0.3, taken_over=True, by_broker=True)
    assert not conflict.ended(90.0, 90.2, taken_over=True, by_broker=True), "said once"
    assert conflict.suspected
    assert not conflict.over(100.0, 399.0)
    assert conflict.over(100.0, 400.0), "five minutes in peace"
    assert not conflict.suspected


def test_brokers_that_only_close_are_found_out_by_the_third_time() -> None:
    conflict = ClientIdConflict()
    ends = [conflict.ended(n * 10.0, n * 10.0 + 1, taken_over=False, by_broker=True) for n in range(4)]
    assert ends == [False, False, True, False]


def test_what_is_no_rival() -> None:
    conflict = ClientIdConflict()
    for n in range(10):
        assert not conflict.ended(None, n, taken_over=False, by_broker=True), "never accepted: another trouble"
        assert not conflict.ended(n, n + 1, taken_over=False, by_broker=False), "our own doing"
    for n in range(10):
        assert not conflict.ended(n * 1000, n * 1000 + 61, taken_over=False, by_broker=True), "it had lasted"
    conflict.ended(0, 1, taken_over=False, by_broker=True)
    conflict.ended(0, 1, taken_over=False, by_broker=True)
    conflict.ended(0, 100, taken_over=False, by_broker=True)
    assert not conflict.ended(200, 201, taken_over=False, by_broker=True), "not in a row"
