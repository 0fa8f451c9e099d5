"""How two recipes side by side look in a terminal."""

from io import StringIO
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from cli.compared import as_tables
from training.evaluate.contrast import Contrast, Overlap
from training.evaluate.intervals import Comparison, Interval


def test_a_terminal_of_eighty_columns_shows_every_figure_whole() -> None:
    sure = Comparison(Interval(-0.0044, -0.0059, -0.0029), 0.0002)
    money = Comparison(Interval(-12.34, -18.25, -9.75), 0.049)
    contrasts = [
        Contrast("all", "new items", "ndcg@20", 92_331, 0.3569, 0.3612, sure, 0.35, 0.46, 0.0224, 0.0263),
        Contrast("all", "new items", "revenue@20", 92_331, 125.87, 138.21, money, 1.0, 1.0, 24.65, 13.37),
    ]
    found: Any = SimpleNamespace(
        table=SimpleNamespace(protocol="temporal"),
        contrasts=contrasts,
        overlaps=[Overlap("all", 0.9, 0.8, 0.1)],
        examples=[],
    )
    said = StringIO()
    Console(file=said, width=80).print(as_tables(found))
    for figure in ("-.0059 to -.0029", "<.001*", ".0224", ".0263", "-18.25 to -9.75", ".049*", "138.21", "24.65"):
        assert figure in said.getvalue()
    assert "…" not in said.getvalue()
