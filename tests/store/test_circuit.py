import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.circuit import Circuit


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(clock: Clock) -> Circuit:
    circuit = Circuit(clock)
    for _ in range(3):
        circuit.failed()
    return circuit


def test_three_failures_in_a_row_open_it(clock: Clock) -> None:
    circuit = Circuit(clock)
    for _ in range(2):
        circuit.failed()
        assert circuit.allows()
    circuit.failed()
    assert circuit.is_open
    assert not circuit.allows()


def test_a_success_between_failures_keeps_it_closed(clock: Clock) -> None:
    circuit = Circuit(clock)
    for _ in range(10):
        circuit.failed()
        circuit.failed()
        circuit.succeeded()
    assert not circuit.is_open


def test_while_it_is_open_one_caller_a_second_may_try(clock: Clock) -> None:
    circuit = opened(clock)
    clock.now += 0.99
    assert not circuit.allows()
    clock.now += 0.02
    assert [circuit.allows() for _ in range(5)] == [True, False, False, False, False]


def test_a_probe_that_succeeds_closes_it(clock: Clock) -> None:
    circuit = opened(clock)
    clock.now += 1.0
    assert circuit.allows()
    circuit.succeeded()
    assert not circuit.is_open
    assert all(circuit.allows() for _ in range(5))


def test_a_probe_that_fails_is_followed_by_a_second_of_peace(clock: Clock) -> None:
    circuit = opened(clock)
    clock.now += 1.0
    assert circuit.allows()
    clock.now += 0.9
    circuit.failed()
    clock.now += 0.9
    assert not circuit.allows()
    clock.now += 0.2
    assert circuit.allows()


def test_a_probe_that_never_comes_back_does_not_keep_it_open_for_ever(clock: Clock) -> None:
    circuit = opened(clock)
    for _ in range(3):
        clock.now += 1.0
        assert circuit.allows()


@given(st.lists(st.sampled_from(["fails", "works"])), st.integers(1, 5))
def test_it_is_open_exactly_when_the_last_calls_all_failed(calls: list[str], failures: int) -> None:
    circuit = Circuit(Clock(), failures=failures)
    for call in calls:
        circuit.failed() if call == "fails" else circuit.succeeded()
    assert circuit.is_open == (len(calls) >= failures and set(calls[-failures:]) == {"fails"})
