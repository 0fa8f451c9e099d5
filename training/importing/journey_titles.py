"""Readable titles for Complete Journey's products, which come shouted, abbreviated and cut off at 30 letters."""

import re
from collections.abc import Callable

import polars as pl

_WORDS = {
    "AND": "and",
    "ASST": "Assorted",
    "ASSRTD": "Assorted",
    "BBQ": "BBQ",
    "BEERALEMALT": "Beer, Ale and Malt",
    "BKD": "Baked",
    "BKG": "Baking",
    "BRD": "Breaded",
    "BRKFST": "Breakfast",
    "BTL": "Bottle",
    "BTLS": "Bottles",
    "BTR": "Butter",
    "CARB": "Carbonated",
    "CHICK": "Chicken",
    "CHOC": "Chocolate",
    "CHOCOCLATE": "Chocolate",
    "CKYS": "Cookies",
    "CNDL": "Candle",
    "CND": "Canned",
    "CNTRL": "Control",
    "CONC": "Concentrated",
    "DECAF": "Decaf",
    "DECAFFINATED": "Decaffeinated",
    "DNR": "Dinner",
    "DNRS": "Dinners",
    "DRNK": "Drink",
    "DRNKS": "Drinks",
    "DVD": "DVD",
    "FD": "Food",
    "FEM": "Feminine",
    "FLVR": "Flavored",
    "FRSH": "Fresh",
    "FRZ": "Frozen",
    "FRZN": "Frozen",
    "GRND": "Ground",
    "HYGN": "Hygiene",
    "IQF": "IQF",
    "JCE": "Juice",
    "JUIC": "Juice",
    "LIQ": "Liquid",
    "MEXICAN": "Mexican",
    "MISC": "Miscellaneous",
    "MLT-PK": "Multi-Pack",
    "MULTI-PK": "Multi-Pack",
    "MX": "Mix",
    "MXS": "Mixes",
    "NTRTNL": "Nutritional",
    "NUT": "Nut",
    "NZ": "New Zealand",
    "OF": "of",
    "OJ": "Orange Juice",
    "OR": "or",
    "PK": "Pack",
    "PKG": "Packaged",
    "PKGD": "Packaged",
    "PNT": "Peanut",
    "PNUT": "Peanut",
    "PREM": "Premium",
    "PREP": "Prepared",
    "PRODS": "Products",
    "PWDR": "Powder",
    "REFRGRATD": "Refrigerated",
    "REFRIG": "Refrigerated",
    "REG": "Regular",
    "RTS": "Ready-to-Serve",
    "SEAFD": "Seafood",
    "SFT": "Soft",
    "SGL": "Single",
    "SNGL": "Single",
    "SPF": "SPF",
    "SRV": "Serve",
    "SS": "Single-Serve",
    "STK": "Stick",
    "SUP": "Super",
    "SV": "Serve",
    "SW": "Sweet",
    "GDS": "Goods",
    "VEG": "Vegetable",
    "W": "with",
    "W/O": "without",
    "WH": "Whole",
    "XTRA": "Extra",
}
"""What the data's abbreviations stand for, and words that are not simply capitalised."""

_TYPES = {
    "ALL FAMILY CEREAL": "Family Cereal",
    "BUTTER SPRAY CRACKER (RITZ/CLU": "Butter Crackers",
    "DAIRY CASE 100% PURE JUICE - O": "Orange Juice",
    "EGGS - LARGE": "Eggs, Large",
    "EGGS - MEDIUM": "Eggs, Medium",
    "EGGS - X-LARGE": "Eggs, Extra Large",
    "FLUID MILK WHITE ONLY": "Milk",
    "IWS SINGLE CHEESE": "Wrapped Single Cheese",
    "MEXICAN SAUCESSALSAPICANTEE": "Mexican Sauces and Salsa",
    "SFT DRNK 2 LITER BTL CARB INCL": "Soft Drink, Large Bottle",
    "SFT DRNK MLT-PK BTL CARB (EXCP": "Soft Drinks, Multi-Pack Bottles",
    "SFT DRNK SNGL SRV BTL CARB (EX": "Soft Drink, Single-Serve Bottle",
    "SOFT DRINKS 12/18&15PK CAN CAR": "Soft Drinks, Case of Cans",
    "SOFT DRINKS 20PK&24PK CAN CARB": "Soft Drinks, Large Case of Cans",
    "SOFT DRINKS 6PK/4PK CAN CARB (": "Soft Drinks, Pack of Cans",
    "YOGURT NOT MULTI-PACKS": "Yogurt",
    "YOGURT MULTI-PACKS": "Yogurt Multi-Pack",
}
"""Among the most bought, the types that no rule makes readable."""

_VAGUE = (
    "ANGUS", "BLENDS", "BUTTS", "DRY", "ECONOMY", "ENHANCED", "FRESH", "KITS", "LEAN", "LOAVE", "MAINSTREAM",
    "MICROWAVE", "MISCELLANEOUS", "OTHER", "OVEN", "PAILS", "PATTIES", "PREMIUM", "PRE-COOKED", "PRIMAL", "QUARTS",
    "RED", "RIBS", "SEASONAL", "SMOKED/COOKED", "SOUPS", "SPECIALTY", "TRADITIONAL", "TREATS", "VALUE",
)  # fmt: skip
"""Types that say something only after their category: Beef, Lean."""

_UNITS = {
    "CT": "ct",
    "DZ": "dozen",
    "FT": "ft",
    "GA": "gal",
    "GAL": "gal",
    "GM": "g",
    "IN": "in",
    "L": "L",
    "LB": "lb",
    "LT": "L",
    "ML": "ml",
    "OZ": "oz",
    "PC": "pc",
    "PK": "pack",
    "PT": "pt",
    "QT": "qt",
    "YD": "yd",
}

_WORD = re.compile(r"W/O\b|(?:MLT|MULTI)-PK\b|[A-Z0-9'%.]+", re.IGNORECASE)
_UNCLOSED = re.compile(r"[\s(,/&-]*\([^()]*$")
# Notes of the till before the measure: "(600) 4 LB", "974006  PK", "A D   1 DZ".
_TILL_NOTE = re.compile(r"^(?:\([^)]*\)|\d{5,}|(?:[A-Z]+ )+(?=[\d.]))\s*")


def readable(words: str) -> str:
    """Return a product type or a category in title case, abbreviations spelt out, a tail that was cut off dropped."""
    if words in _TYPES:
        return _TYPES[words]
    whole = _UNCLOSED.sub("", words)
    spaced = re.sub(r"\s*([&/:])\s*", lambda mark: {"&": " & ", "/": "/", ":": ": "}[mark[1]], whole)
    return re.sub(r"\s+", " ", _WORD.sub(lambda word: _readable_word(word[0]), spaced)).strip(" ,/&-:")


def _readable_word(word: str) -> str:
    bare = word.rstrip(".")
    return _WORDS.get(bare.upper()) or bare.capitalize()


def readable_size(size: str) -> str | None:
    """Return a package size such as "1 gal"; None when the till's note holds no measure."""
    measure = _TILL_NOTE.sub("", re.sub(r"\s+", " ", size.strip()))
    return re.sub(r"[A-Z]+", lambda unit: _UNITS.get(unit[0], unit[0].lower()), measure) or None


def titles_of(products: pl.DataFrame) -> pl.Series:
    """Return titles, shape (n,): type and size; where several makers share a title, with the maker.

    products: columns product_type, product_category, department, package_size and manufacturer_id. What has no type is
    called by its category, or its department.
    """
    called = pl.coalesce("product_type", "product_category", "department").fill_null("Unknown").alias("called")
    before = pl.when(pl.col("product_type").is_in(_VAGUE)).then("product_category").alias("before")
    words = products.select(before, called, "package_size")
    parts = [
        _each_distinct(words["before"], readable),
        _each_distinct(words["called"], readable),
        _each_distinct(words["package_size"], readable_size),
    ]
    titled = products.select(
        maker=pl.col("manufacturer_id").cast(pl.String), title=pl.concat_str(parts, separator=", ", ignore_nulls=True)
    )
    collides = pl.col("maker").n_unique().over("title") > 1
    return titled.select(
        pl.when(collides).then(pl.format("{} (maker {})", "title", "maker")).otherwise("title").alias("title")
    ).to_series()


def _each_distinct(column: pl.Series, write: Callable[[str], str | None]) -> pl.Series:
    distinct = column.drop_nulls().unique()
    written = pl.Series([write(words) for words in distinct], dtype=pl.String)
    return column.replace_strict(distinct, written, default=None, return_dtype=pl.String)
