"""Titles that shout become titles that a person reads."""

import polars as pl
import pytest

from training.importing.journey_titles import readable, readable_size, titles_of


@pytest.mark.parametrize(
    ("shouted", "title"),
    [
        ("FLUID MILK WHITE ONLY", "Milk"),
        ("POTATOES RUSSET (BULK&BAG)", "Potatoes Russet (Bulk & Bag)"),
        ("CHEESE CRACKERS (CHEEZ-ITS/GOL", "Cheese Crackers"),
        ("CANDY BARS (SINGLES)(INCLUDING", "Candy Bars (Singles)"),
        ("FRZN BREADED PREPARED CHICK", "Frozen Breaded Prepared Chicken"),
        ("CREAM CHEESE W/O SUGAR", "Cream Cheese without Sugar"),
        ("MEAT:HAM BULK", "Meat: Ham Bulk"),
        ("CHRISTMAS  SEASONAL", "Christmas Seasonal"),
        ("MISC. DAIRY", "Miscellaneous Dairy"),
    ],
)
def test_a_type_is_written_in_title_case_without_what_was_cut_off(shouted: str, title: str) -> None:
    assert readable(shouted) == title


@pytest.mark.parametrize(
    ("noted", "size"),
    [
        ("1 GA", "1 gal"),
        ("  12   OZ", "12 oz"),
        ("(600) 4 LB", "4 lb"),
        ("974006  PK", "pack"),
        ("A D   1 DZ", "1 dozen"),
        ("P   4.4 OZ", "4.4 oz"),
        (".87 OZ", ".87 oz"),
        ("12 PK/12 OZ", "12 pack/12 oz"),
        ("279.6 SQ FT", "279.6 sq ft"),
        ("2 L", "2 L"),
        ("(100)", None),
    ],
)
def test_a_size_loses_the_notes_of_the_till(noted: str, size: str | None) -> None:
    assert readable_size(noted) == size


def test_makers_tell_apart_what_would_be_called_the_same() -> None:
    products = pl.DataFrame(
        {
            "product_type": ["BANANAS", "BANANAS", "BANANAS", "LEAN", None, None],
            "product_category": ["FRUIT", "FRUIT", "FRUIT", "BEEF", "HOT CEREAL", None],
            "department": ["PRODUCE", "PRODUCE", "PRODUCE", "MEAT", "GROCERY", None],
            "package_size": ["40 LB", "40 LB", None, None, None, None],
            "manufacturer_id": [1, 2, 1, 3, 4, 5],
        }
    )
    assert titles_of(products).to_list() == [
        "Bananas, 40 lb (maker 1)",
        "Bananas, 40 lb (maker 2)",
        "Bananas",
        "Beef, Lean",
        "Hot Cereal",
        "Unknown",
    ]
