import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import StoreError
from models.history import Past, Summary
from models.packing import pack, unpack

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
