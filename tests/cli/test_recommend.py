"""endcap recommend: what a shopper should see, with titles and reasons, as a table or as JSON."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from store.bundles.published import PublishedBundles
from tests.cli.conftest import Endcap, endcap_in


def asked(endcap: Endcap, *arguments: str) -> dict[str, Any]:
    ran = endcap("recommend", "--json", *arguments)
    assert ran.exit_code == 0, ran.output
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def refused(endcap: Endcap, *arguments: str) -> str:
    ran = endcap("recommend", *arguments)
    assert ran.exit_code == 1, ran.output
    assert "Traceback" not in ran.output
    return ran.output


def test_a_known_shopper_is_answered_with_titles_and_reasons(endcap: Endcap, trained_home: Path) -> None:
    answer = asked(endcap, "--user", "garden-3", "--n", "5")
    pointer = PublishedBundles(trained_home / "bundles").pointer()
    assert pointer is not None
    assert (answer["placement"], answer["model_version"], answer["fallback"]) == ("home", pointer.champion, None)
    assert [item["position"] for item in answer["items"]] == [1, 2, 3, 4, 5]
    best = answer["items"][0]
    assert best["item_id"].startswith("garden-")
    assert best["title"] == best["item_id"].replace("-", " [b]")
    assert 0 < best["score"] < 1
    assert set(best["reason"]) == {"source", "because_of", "text"}
    assert best["reason"]["source"] in {"buy_again", "item_knn"}
    assert best["reason"]["because_of"]
    assert [item["score"] for item in answer["items"]] == sorted((i["score"] for i in answer["items"]), reverse=True)


def test_the_table_shows_what_the_json_says(endcap: Endcap) -> None:
    shown = endcap("recommend", "--user", "garden-3", "--n", "5")
    assert shown.exit_code == 0, shown.output
    assert "home for garden-3, bundle 20" in shown.output
    for item in asked(endcap, "--user", "garden-3", "--n", "5")["items"]:
        (line,) = [line for line in shown.output.splitlines() if f" {item['item_id']} " in line]
        assert item["title"] in line, "a title that looks like markup is shown as it is"
        because_of = [item_id.replace("-", " [b]") for item_id in item["reason"]["because_of"]]
        assert ": ".join([item["reason"]["source"], *because_of[:1]]) in line


def test_an_unknown_shopper_is_answered_as_a_new_one(endcap: Endcap) -> None:
    answer, nobody = asked(endcap, "--user", "who?"), asked(endcap)
    assert [item["item_id"] for item in answer["items"]] == [item["item_id"] for item in nobody["items"]]
    assert len(answer["items"]) == 12
    assert {item["reason"]["source"] for item in answer["items"]} == {"popular"}
    shown = endcap("recommend", "--user", "who?").output
    assert "nothing is known of this shopper: what is popular and trending is shown" in shown


def test_a_list_that_the_sources_cannot_fill_says_with_what_it_is_filled(endcap: Endcap) -> None:
    answer = asked(endcap, "--user", "garden-3", "--placement", "product", "--item", "garden-1", "--n", "20")
    assert answer["fallback"] == "popular"
    assert answer["items"][-1]["score"] is None
    shown = endcap("recommend", "--placement", "product", "--item", "garden-1", "--n", "20").output
    assert "of 20 fill up from popular" in shown


def test_what_is_excluded_or_on_the_page_is_not_shown(endcap: Endcap) -> None:
    answer = asked(endcap, "--placement", "product", "--item", "garden-1", "--exclude", "garden-2", "--exclude", "x")
    ids = [item["item_id"] for item in answer["items"]]
    assert not {"garden-1", "garden-2"} & set(ids)
    assert answer["unknown_item_ids"] == ["x"]
    shown = endcap("recommend", "--exclude", "x [/b]")
    assert "not in the catalogue, ignored: x [/b]" in shown.output


def test_a_session_is_answered_although_nobody_is_known(endcap: Endcap) -> None:
    looked = ("--session", "garden-1", "--session", "x", "--session", "garden-2")
    answer = asked(endcap, "--placement", "product", *looked, "--n", "4")
    assert {item["item_id"].partition("-")[0] for item in answer["items"]} == {"garden"}
    assert {item["reason"]["source"] for item in answer["items"]} == {"item_knn"}
    assert answer["unknown_item_ids"] == ["x"]


def test_a_category_is_kept_to(endcap: Endcap) -> None:
    answer = asked(endcap, "--user", "garden-3", "--category", "kitchen", "--n", "20")
    assert len(answer["items"]) == 12
    assert all(item["item_id"].startswith("kitchen-") for item in answer["items"])
    nowhere = endcap("recommend", "--category", "kitchen > sink")
    assert "the catalogue has nothing to show in kitchen > sink" in nowhere.output
    assert "the category 'kitchen >' has an empty part" in refused(endcap, "--category", "kitchen >")


def test_an_item_that_came_after_the_training_is_no_stranger(own_home: Path) -> None:
    with sqlite3.connect(own_home / "endcap.sqlite3") as connection:
        connection.execute(
            "INSERT INTO items (item_id, title, category, in_stock, recommendable, changed_us) "
            "VALUES ('garden-new', 'garden [b]new', '[\"garden\"]', 1, 1, 1)"
        )
    connection.close()
    answer = asked(endcap_in(own_home), "--placement", "product", "--item", "garden-new", "--n", "5")
    assert len(answer["items"]) == 5
    assert answer["unknown_item_ids"] == []


def test_a_product_that_nobody_knows_is_refused(endcap: Endcap) -> None:
    said = refused(endcap, "--placement", "product", "--item", "spade")
    assert "endcap: item 'spade' is not in the bundle or the catalogue; import it with `endcap import items`" in said


def test_an_item_id_of_ten_thousand_characters_is_refused_in_one_line(endcap: Endcap) -> None:
    assert len(refused(endcap, "--placement", "product", "--item", "x" * 10_000)) < 300


def test_a_placement_that_is_not_there_hears_the_nearest(endcap: Endcap) -> None:
    assert "no placement 'hoem'; did you mean 'home'?" in refused(endcap, "--placement", "hoem")


@pytest.mark.parametrize("n", ["0", "-1", "1001"])
def test_as_many_items_as_nobody_wants_are_refused(n: str, endcap: Endcap) -> None:
    assert f"--n is {n}; ask for 1 to 1000 items" in refused(endcap, "--n", n)


def test_without_a_bundle_it_says_to_train(tmp_path: Path) -> None:
    assert "run `endcap train`" in refused(endcap_in(tmp_path), "--user", "1")


def test_a_damaged_champion_is_refused_by_name(own_home: Path) -> None:
    bundles = PublishedBundles(own_home / "bundles")
    (version,) = bundles.versions()
    (bundles.root / version / "catalogue/prices.npy").unlink()
    said = refused(endcap_in(own_home), "--user", "garden-3")
    assert f"bundle {version} lacks its file catalogue/prices.npy; roll back or train again" in said


def test_an_item_that_sold_out_since_the_training_is_not_shown(own_home: Path) -> None:
    endcap = endcap_in(own_home)
    best = asked(endcap, "--user", "garden-3")["items"][0]["item_id"]
    with sqlite3.connect(own_home / "endcap.sqlite3") as connection:
        connection.execute("UPDATE items SET in_stock = 0 WHERE item_id = ?", (best,))
    connection.close()
    assert best not in [item["item_id"] for item in asked(endcap, "--user", "garden-3")["items"]]


def test_an_id_that_nobody_can_have_is_refused(endcap: Endcap) -> None:
    for user in ("\udcff", "a\x1b[31m", "x" * 257):
        assert "is no id" in refused(endcap, "--user", user)
