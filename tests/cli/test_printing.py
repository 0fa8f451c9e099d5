import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from cli.printing import printable


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    left = {unicodedata.category(char) for char in printable(text)}
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_an_escape_is_written_out_and_words_of_any_language_stay() -> None:
    assert printable("\x1b[31mred\x07") == "\\x1b[31mred\\x07"
    assert printable("Käse, 500 g, 山羊") == "Käse, 500 g, 山羊"
