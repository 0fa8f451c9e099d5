from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import StoreError
from models.history import Events, History, Memory, Past, Recent, Summary
from models.packing import pack, pack_history, unpack, unpack_history
from tests.worlds import MEMORY

ITEM_IDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=256)
I64, I32 = st.integers(-(2**62), 2**62), st.integers(0, 2**31 - 1)
F32 = st.floats(width=32)


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    ids = draw(st.lists(ITEM_IDS, unique=True, max_size=6))
    n = len(ids)

    def column(values: st.SearchStrategy[float], dtype: type[np.generic]) -> np.ndarray:
        return np.array(draw(st.lists(values, min_size=n, max_size=n)), dtype)

    times = [column(I64, np.int64) for _ in range(4)]
    rows = Summary(
        np.zeros(n, np.int32),
        np.arange(n, dtype=np.int32),
        times[0],
        times[1],
        column(I32, np.int32),
        column(F32, np.float32),
        column(I32, np.int32),
        times[2],
        times[3],
        column(I32, np.int32),
        column(F32, np.float32),
    )
    return Past(draw(I64), tuple(ids), rows)


SOME = Past(
    5,
    ("a", "ä\u2028"),
    Summary(
        *(
            np.arange(2, dtype=np.dtype(code))
            for code in ("i4", "i4", "i8", "i8", "i4", "f4", "i4", "i8", "i8", "i4", "f4")
        )
    ),
)


@given(pasts())
def test_a_past_of_any_legal_ids_comes_back_as_it_went(past: Past) -> None:
    again = unpack(pack(past))
    assert (again.as_of_us, again.item_ids) == (past.as_of_us, past.item_ids)
    for name, column in vars(past.rows).items():
        assert getattr(again.rows, name).dtype == column.dtype
        np.testing.assert_array_equal(getattr(again.rows, name), column)


@given(pasts())
def test_the_same_past_has_the_same_bytes(past: Past) -> None:
    assert pack(past) == pack(unpack(pack(past)))


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(packed: bytes) -> None:
    with pytest.raises(StoreError, match="rebuild it by training"):
        unpack(packed)


@given(st.data())
def test_a_past_with_bytes_missing_added_or_changed_is_refused(data: st.DataObject) -> None:
    packed = pack(SOME)
    at = data.draw(st.integers(0, len(packed) - 1))
    damaged = [packed[:at], packed[at + 1 :], packed + b"x", packed[:at] + b"\n" + packed[at:]]
    damaged.append(packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :])
    for broken in damaged:
        if broken != packed:
            with pytest.raises(StoreError, match="damaged"):
                unpack(broken)


def test_a_past_from_the_future_is_refused_by_its_format(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr("models.packing.FORMAT", 2)
        packed = pack(SOME)
    with pytest.raises(StoreError, match="has format 2, this Endcap reads 1"):
        unpack(packed)


@st.composite
def histories(draw: st.DrawFn) -> History:
    ids = draw(st.lists(ITEM_IDS, max_size=6))
    n = len(ids)
    nothing = np.zeros(n, np.int32)
    codes = draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))
    times = draw(st.lists(I64, min_size=n, max_size=n))
    prices = draw(st.lists(F32, min_size=n, max_size=n))
    orders = draw(st.lists(st.integers(-1, 2**31 - 1), min_size=n, max_size=n))
    columns = (np.array(codes, np.uint8), np.array(times, np.int64), np.array(prices, np.float32))
    return History(draw(pasts()), Recent(tuple(ids), Events(nothing, nothing, *columns, np.array(orders, np.int32))))


ONE_EVENT = Events(*(np.ones(1, np.dtype(code)) for code in ("i4", "i4", "u1", "i8", "f4", "i4")))


@given(histories())
def test_a_history_of_any_legal_ids_comes_back_as_it_went(history: History) -> None:
    again = unpack_history(pack_history(history, MEMORY), MEMORY)
    assert (again.past.as_of_us, again.past.item_ids) == (history.past.as_of_us, history.past.item_ids)
    assert again.recent.item_ids == history.recent.item_ids
    for before, after in ((history.past.rows, again.past.rows), (history.recent.events, again.recent.events)):
        for name, column in vars(before).items():
            assert getattr(after, name).dtype == column.dtype
            np.testing.assert_array_equal(getattr(after, name), column)


@given(st.binary(max_size=200))
def test_other_bytes_are_no_history(packed: bytes) -> None:
    with pytest.raises(StoreError, match="read it from the database"):
        unpack_history(packed, MEMORY)


@given(st.data())
def test_a_history_with_bytes_missing_added_or_changed_is_refused(data: st.DataObject) -> None:
    packed = pack_history(History(SOME, Recent(("ä\u2028",), ONE_EVENT)), MEMORY)
    at = data.draw(st.integers(0, len(packed) - 1))
    damaged = [packed[:at], packed[at + 1 :], packed + b"x", packed[:at] + b"\n" + packed[at:]]
    damaged.append(packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :])
    for broken in damaged:
        if broken != packed:
            with pytest.raises(StoreError, match="damaged"):
                unpack_history(broken, MEMORY)


@pytest.mark.parametrize(
    "other", [replace(MEMORY, half_life_days=1.0), replace(MEMORY, recent_events=7)], ids=["weights", "length"]
)
def test_a_history_of_another_memory_is_refused(other: Memory) -> None:
    packed = pack_history(History(), other)
    with pytest.raises(StoreError, match="of another memory"):
        unpack_history(packed, MEMORY)


def test_a_history_from_the_future_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr("models.packing._HISTORY_FORMAT", 2)
        packed = pack_history(History(), MEMORY)
    with pytest.raises(StoreError, match="or format"):
        unpack_history(packed, MEMORY)
