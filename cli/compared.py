"""Two models side by side, as tables for a terminal."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from cli.printing import printable
from training.evaluate.comparison import Compared
from training.evaluate.contrast import Contrast, Overlap
from training.evaluate.side_by_side import Shown, SideBySide

_PLACES = 10
"""Of a list that are printed; JSON has all."""
_LEAST_P = 0.001
NOTE = (
    "Paired by shopper: difference with its 95 % interval, p by randomisation; * p < .05. Better and worse: the share "
    "of the shoppers whom A serves better or worse than B, and by how much on average. Lists: rows in common, and "
    "rank-biased overlap (p .9). > marks what was right."
)


def as_tables(found: Compared) -> RenderableType:
    """Return a grid and examples, task by task. Shoppers are named: this is for whoever may see their data."""
    return Group(*(part for seen in found.overlaps for part in _of_task(found, seen)))


def _of_task(found: Compared, seen: Overlap) -> Iterator[RenderableType]:
    yield _grid(found, seen)
    yield (
        f"lists of {seen.task}: {seen.shared:.0%} of the rows in common, overlap {_short(seen.rank_biased)}; "
        f"{seen.same:.0%} of them are the same"
    )
    for example in (example for example in found.examples if example.task == seen.task):
        # Text, because what a shop calls its items may look like rich's own markup.
        yield Text(f"\n{printable(_head(example))}")
        yield _lists(example)


def _grid(found: Compared, seen: Overlap) -> Grid:
    title = f"{found.table.protocol}, task {seen.task}"
    grid = Grid(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("segment", "metric"):
        grid.add_column(name, no_wrap=True)
    # A line for what it is and one for how sure or how much: all of it fits a terminal of 80 columns.
    for name in ("A\nB", "A - B", "p", "better\nby", "worse\nby"):
        grid.add_column(name, justify="right", no_wrap=True)
    last = ""
    for one in (one for one in found.contrasts if one.task == seen.task):
        difference, p_value = one.comparison.difference, one.comparison.p_value
        grid.add_row(
            f"{one.segment}\n({one.n_shoppers:,})" if one.segment != last else "",
            one.metric,
            f"{_short(one.one)}\n{_short(one.other)}",
            f"{_signed(difference.value)}\n[dim]{_signed(difference.low)} to {_signed(difference.high)}[/dim]",
            f"{_short(p_value, 3) if p_value >= _LEAST_P else '<.001'}{'*' if one.comparison.differs else ' '}",
            *_moved(one),
        )
        last = one.segment
    return grid


def _moved(one: Contrast) -> tuple[str, str]:
    return (
        f"{one.gained:.0%}\n[dim]{_short(one.mean_gain)}[/dim]" if one.gained else "0%",
        f"{one.lost:.0%}\n[dim]{_short(one.mean_loss)}[/dim]" if one.lost else "0%",
    )


def _head(example: SideBySide) -> str:
    who = f"{example.shopper_key}, " if example.shopper_key else ""
    about = f"; about {', '.join(example.anchors)}" if example.anchors else ""
    return (
        f"{example.kind}: {who}{example.n_known:,} items known, {example.n_right:,} right; "
        f"{example.metric} A {_short(example.figures[0])}, B {_short(example.figures[1])}{about}"
    )


def _lists(example: SideBySide) -> Grid:
    grid = Grid(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column("", justify="right")
    for name in ("  A", "  B"):
        grid.add_column(name, no_wrap=True, overflow="ellipsis")
    for place in range(min(_PLACES, max(map(len, example.lists)))):
        grid.add_row(str(place + 1), *(_shown(places, place) for places in example.lists))
    return grid


def _shown(places: tuple[Shown, ...], place: int) -> Text:
    if place >= len(places):
        return Text("")
    shown = places[place]
    return Text(f"{'> ' if shown.right else '  '}{printable(shown.title or shown.item_id)}")


def _short(value: float, digits: int = 4) -> str:
    return f"{value:.{digits}f}".removeprefix("0") if abs(value) < 1 else f"{value:.2f}"


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{_short(abs(value))}"
