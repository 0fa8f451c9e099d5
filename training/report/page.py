"""From the figures of a report to one page: no script, no request, one style sheet inside, every text escaped."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from training.report.charts import Plot, Point, Scale, number, plot

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def page_of(figures: dict[str, Any]) -> str:
    """Return the page of a report, HTML.

    figures: what `report.json` holds; nothing else is on the page.
    """
    environment = Environment(
        loader=PackageLoader("training.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": _amount,
        "count": "{:,}".format,
        "day": _day,
        "number": number,
        "p_value": _p_value,
        "per_cent": _per_cent,
        "pretty": _pretty,
        "signed": "{:+.2f}".format,
        "words": _words,
    }
    environment.globals |= {"Scale": Scale, "reliability_plot": reliability_plot, "lines_plot": lines_plot}
    style = files("training.report").joinpath("report.css").read_text("utf-8")
    page: str = environment.get_template("report.html.jinja").render(
        report=figures,
        # The file is this project's own; its hash lets a strict policy take it.
        style=Markup(style),  # noqa: S704
        style_sha256=b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )
    return page


def reliability_plot(bins: Sequence[dict[str, Any]]) -> Plot:
    """Return the observed rate over the predicted one."""
    points = []
    for one in bins:
        observed = one["observed"]
        told = f"{one['n_items']:,} items: predicted {number(one['predicted'])}, observed {number(observed['value'])}"
        points.append(Point(one["predicted"], observed["value"], observed["low"], observed["high"], told))
    return plot({"served": points})


def lines_plot(rows: Sequence[dict[str, Any]], names: Sequence[str], series: Sequence[str]) -> Plot:
    """Return intervals in the order of the rows, a line a series; a row that lacks one has a gap there.

    rows: of each, series -> interval. names: what stands below each row.
    """
    lines = {}
    for name in series:
        told = [(place, row[name]) for place, row in enumerate(rows) if name in row]
        lines[name] = [
            Point(place, one["value"], one["low"], one["high"], f"{name}, {names[place]}: {number(one['value'])}")
            for place, one in told
        ]
    return plot(lines, names)


def _day(moment_us: int) -> str:
    return f"{_EPOCH + timedelta(microseconds=moment_us):%Y-%m-%d}"


def _p_value(value: float) -> str:
    return f"{value:.4f}".removeprefix("0")


def _amount(value: float | None) -> str:
    """Write a whole number whole."""
    return f"{int(value):,}" if value is not None and value == int(value) else number(value)


def _per_cent(value: float | None) -> str:
    return number(None) if value is None else f"{value:.1%}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
