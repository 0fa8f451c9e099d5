"""The page opens anywhere: it asks for nothing, runs nothing, and no word of a shop's becomes a part of it."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.training.report.conftest import HOSTILE, RARE, Reported
from training.report.make import FIGURES, PAGE, make_report
from training.report.page import page_of

VOID = {"br", "meta"}


class Page(HTMLParser):
    """The elements of a page; fails where they do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.isolated: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if "bdi" in self.open:
            self.isolated.append(data)

    def attributes(self, name: str) -> list[str]:
        return [str(attributes[name]) for _, attributes in self.elements if name in attributes]

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


@pytest.fixture(scope="module")
def text(reported: Reported) -> str:
    return page_of(reported.figures)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_the_page_runs_nothing_and_asks_for_nothing(page: Page) -> None:
    assert not page.tags() & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "video", "use"}
    names = {name for _, attributes in page.elements for name in attributes}
    assert not [name for name in names if name.startswith("on")]
    assert not names & {"src", "srcset", "style", "action", "xlink:href"}
    assert all(target.startswith("#") for target in page.attributes("href"))


def test_the_page_forbids_itself_everything_but_its_own_style(page: Page, text: str) -> None:
    policy = next(one for one in page.attributes("content") if one.startswith("default-src"))
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style
    assert "@import" not in style


def test_words_of_a_shop_are_text_and_stand_apart_from_what_surrounds_them(page: Page) -> None:
    told = "".join(page.isolated)
    for title in HOSTILE[:5]:
        assert title in told
    outside = "".join(page.texts)
    assert "1337" not in outside, "a title is no template"
    for title in HOSTILE[:5]:
        assert sum(title in one for one in page.isolated) == sum(title in one for one in page.texts)


def test_words_of_a_shop_are_short_and_steer_nothing(page: Page, text: str) -> None:
    assert max(map(len, page.isolated)) < 300
    assert HOSTILE[5][:99] + "…" in page.isolated
    assert "a\ufffdb\ufffd[31mc\ufffdd" in page.isolated
    assert not set(map(chr, range(32))) & set(text) - {"\n"}


def test_every_table_names_itself_and_its_columns(page: Page, text: str) -> None:
    tables = re.findall(r"<table.*?</table>", text, re.DOTALL)
    assert len(tables) > 20
    for table in tables:
        assert re.search(r"<caption><span>.+?</span></caption>", table, re.DOTALL)
        assert all("scope=" in heading for heading in re.findall(r"<th[ >][^>]*", table))
    regions = [attributes for _, attributes in page.elements if attributes.get("role") in {"region", "img"}]
    assert all(attributes.get("aria-label") for attributes in regions)
    drawings = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert all("aria-hidden" in one or one.get("role") == "img" for one in drawings)


def test_every_link_and_label_leads_somewhere(page: Page) -> None:
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in page.attributes("href")} <= set(ids)
    assert set(page.attributes("aria-labelledby")) <= set(ids)


def test_nobody_is_named(reported: Reported, text: str) -> None:
    for told in (text, json.dumps(reported.figures)):
        assert "person-" not in told


def test_what_few_bought_is_told_of_nobody(reported: Reported) -> None:
    examples = [example for task in reported.figures["tasks"] for example in task["examples"]]
    assert len(examples) > 50
    for example in examples:
        bought = [*example["knew"], *example["missed"], *example["asked_about"]]
        assert RARE not in "".join(bought)
        assert not [item["text"] for item in example["items"] if RARE in item["text"]]


def test_the_page_is_made_of_the_figures_alone(reported: Reported) -> None:
    files = make_report(reported.material, reported.trial)
    figures = json.loads(files[FIGURES], parse_constant=pytest.fail)
    assert page_of(figures).encode() == files[PAGE]


def test_what_is_no_number_is_none_in_json_and_a_dash_on_the_page(reported: Reported) -> None:
    (check,) = reported.figures["checks"]
    assert check["counts"] == {"robots": 2.0, "robot_share": None}
    assert "robot share</span> -" in page_of(reported.figures)


def test_a_shop_with_nothing_to_show_has_a_page_that_says_so(empty: dict[str, Any]) -> None:
    assert empty["tasks"] == []
    page = Page(page_of(empty))
    assert "There is nothing to show" in "".join(page.texts)


def test_a_refusal_that_was_overruled_stands_at_the_top(reported: Reported) -> None:
    gate = {"refusals": ["it is <b>worse</b>"], "forced": "because <i>I</i> say so"}
    text = page_of({**reported.figures, "gate": gate})
    top = "".join(Page(text[: text.index("<main>")] + "</body></html>").texts)
    assert "it is <b>worse</b>" in top
    assert "because <i>I</i> say so" in top
    assert "let this recipe pass" not in top
