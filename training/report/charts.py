"""Where the marks of a chart stand. Bars are in per cent of their cell, plots in units of a drawing 360 wide."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 360, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 12, 34
_TICKS = 5
_DIGITS = ((0.1, 4), (1, 3), (100, 2))
"""Below which size how many digits follow the point; none above."""


@dataclass(frozen=True)
class Bar:
    """A bar from zero, and the interval around its end; per cent of the width."""

    x: str
    width: str
    low: str
    high: str
    zero: str


@dataclass(frozen=True)
class Scale:
    """From values to per cent: a column of bars shares one."""

    lowest: float
    highest: float

    @classmethod
    def over(cls, values: Iterable[float | None]) -> "Scale":
        """Hold zero and every value."""
        told = [0.0, *(value for value in values if value is not None)]
        return cls(min(told), max(told) if max(told) > min(told) else min(told) + 1)

    def bar(self, value: float | None, low: float | None = None, high: float | None = None) -> Bar:
        """Return a bar that ends at a value; what is not known is not drawn."""
        end = 0.0 if value is None else value
        edges = [self._per_cent(edge) for edge in (0.0, end)]
        return Bar(
            x=f"{min(edges):.2f}%",
            width=f"{abs(edges[1] - edges[0]):.2f}%",
            low=f"{self._per_cent(end if low is None else low):.2f}%",
            high=f"{self._per_cent(end if high is None else high):.2f}%",
            zero=f"{edges[0]:.2f}%",
        )

    def _per_cent(self, value: float) -> float:
        return 100 * (value - self.lowest) / (self.highest - self.lowest)


@dataclass(frozen=True)
class Point:
    """One figure of a plot, with its interval."""

    x: float
    y: float
    low: float
    high: float
    told: str
    """What a pointer that rests on it is told."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """One series as it is drawn."""

    name: str
    points: tuple[Point, ...]
    path: str


@dataclass(frozen=True)
class Plot:
    """A plot as it is drawn."""

    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]
    diagonal: str | None
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    bottom: float = HEIGHT - _BOTTOM
    width: float = WIDTH
    height: float = HEIGHT


def plot(series: dict[str, list[Point]], x_names: Sequence[str] | None = None) -> Plot:
    """Lay series out; y begins at zero.

    x_names: what stands below x = 0, 1, 2, ...; without them x is a number like y, and a diagonal shows where they
    agree.
    """
    points = [point for line in series.values() for point in line]
    y_values = _ticks(max([0.0, *(max(point.high, point.y) for point in points)]))
    x_values = _ticks(max([0.0, *(point.x for point in points)])) if x_names is None else []
    x_most = x_values[-1] if x_names is None else float(max(len(x_names) - 1, 0))
    half = 0 if x_names is None else 0.5

    def across(value: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (value + half) / (x_most + 2 * half), 1)

    def up(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _BOTTOM - _TOP) * value / y_values[-1], 1)

    lines = []
    for name, line in series.items():
        placed = tuple(Point(across(one.x), up(one.y), up(one.low), up(one.high), one.told) for one in line)
        lines.append(Line(name, placed, " ".join(f"{one.x},{one.y}" for one in placed)))
    agree = min(x_most, y_values[-1])
    return Plot(
        x_ticks=tuple(Tick(across(value), _bare(f"{value:g}")) for value in x_values)
        if x_names is None
        else tuple(Tick(across(place), x_names[place]) for place in _some(len(x_names))),
        y_ticks=tuple(Tick(up(value), _bare(f"{value:g}")) for value in y_values),
        lines=tuple(lines),
        diagonal=None if x_names is not None else f"{across(0)},{up(0)} {across(agree)},{up(agree)}",
    )


_NOTHING = 1e-100
"""Below this a figure has no logarithm worth the name, and no place in a plot but the bottom."""


def _ticks(most: float) -> list[float]:
    """Return round numbers from 0 to the first that is at least `most`."""
    if most < _NOTHING:
        return [0.0, 1.0]
    rough = most / _TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * size for size in (1, 2, 2.5, 5, 10) if power * size >= rough * (1 - 1e-9))
    return [step * place for place in range(math.ceil(most / step - 1e-9) + 1)]


def _some(n: int) -> range:
    """Return every place, or every second, third ...: names must not run into each other."""
    return range(0, n, max(1, -(-n // _TICKS)))


def number(value: float | None) -> str:
    """Write a figure in as many digits as can be told apart: .0123, .123, 1.25, 12,345; `-` where there is none."""
    if value is None:
        return "-"
    digits = next((digits for below, digits in _DIGITS if abs(value) < below), 0)
    return _bare(f"{value:,.{digits}f}") if value else "0"


def _bare(text: str) -> str:
    """Take the zero before the point of a share away, as tables of this field do."""
    return text.replace("0.", ".", 1) if text.removeprefix("-").startswith("0.") else text
