"""Two models side by side, as tables for a terminal."""

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from cli.printing import printable
from training.evaluate.comparison import Compared
from training.evaluate.contrast import Overlap
from training.evaluate.side_by_side import Shown, SideBySide

_PLACES = 10
"""Of a list that are printed; JSON has all."""
NOTE = (
    "Paired by shopper: difference with its 95 % interval, p by randomisation; * p < .05. Better and worse: the share of "
    "the shoppers whom A serves better or worse than B, and by how much on average. Lists: rows in common, and "
    "rank-biased overlap (p .9). > marks what was right."
)


def as_tables(found: Compared) -> RenderableType:
    """Return a grid per task, then the examples."""
    grids: list[RenderableType] = []
    for seen in found.overlaps:
        grids.append(_grid(found, seen))
        grids += [_example(example) for example in found.examples if example.task == seen.task]
    return Group(*grids)


def _grid(found: Compared, seen: Overlap) -> Grid:
    title = f"{found.table.protocol}, task {seen.task}"
    caption = (
        f"lists: {seen.shared:.0%} of the rows in common, overlap {seen.rank_biased:.3f}, {seen.same:.0%} the same"
    )
    grid = Grid(title=title, title_justify="left", caption=caption, caption_justify="left", box=SIMPLE_HEAD)
    grid.padding = (0, 1, 0, 0)
    grid.add_column("segment", no_wrap=True)
    for name in ("metric", "A", "B", "A - B", "p", "better", "worse"):
        grid.add_column(name, justify="right", no_wrap=name != "A - B")
    segment = ""
    for one in (one for one in found.contrasts if one.task == seen.task):
        named = f"{one.segment} ({one.n_shoppers:,})"
        difference = one.comparison.difference
        grid.add_row(
            named if named != segment else "",
            one.metric,
            _short(one.one),
            _short(one.other),
            f"{_signed(difference.value)} [dim]{_signed(difference.low)} to {_signed(difference.high)}[/dim]",
            f"{one.comparison.p_value:.3f}{'*' if one.comparison.differs else ' '}",
            f"{one.gained:.0%} by {_short(one.mean_gain)}",
            f"{one.lost:.0%} by {_short(one.mean_loss)}",
        )
        segment = named
    return grid


def _example(example: SideBySide) -> Grid:
    who = f"{example.shopper_key}, " if example.shopper_key else ""
    title = (
        f"{example.kind}: {who}{example.n_known:,} items known, {example.n_right:,} right; {example.metric} "
        f"{_short(example.figures[0])} and {_short(example.figures[1])}"
    )
    if example.anchors:
        title += f"; asked about {', '.join(example.anchors)}"
    grid = Grid(title=Text(printable(title)), title_justify="left", box=SIMPLE_HEAD)
    grid.padding = (0, 1, 0, 0)
    grid.add_column("", justify="right")
    for name in ("A", "B"):
        grid.add_column(name, no_wrap=True, overflow="ellipsis")
    for place in range(min(_PLACES, max(map(len, example.lists)))):
        grid.add_row(str(place + 1), *(_shown(places, place) for places in example.lists))
    return grid


def _shown(places: tuple[Shown, ...], place: int) -> Text:
    # Text, because what a shop calls its items may look like rich's own markup.
    if place >= len(places):
        return Text("")
    shown = places[place]
    return Text(f"{'> ' if shown.right else '  '}{printable(shown.title or shown.item_id)}")


def _short(value: float) -> str:
    return f"{value:.4f}".removeprefix("0") if abs(value) < 1 else f"{value:.2f}"


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{_short(abs(value))}"
