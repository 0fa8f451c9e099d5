"""What a shop can tell us that a shopper did, and who a shopper is."""

from typing import Final

EVENT_TYPES: Final = (
    "view",
    "add_to_cart",
    "remove_from_cart",
    "purchase",
    "refund",
    "wishlist",
    "click",
    "impression",
    "search",
    "rating",
)
"""Position is the uint8 code inside arrays; SQL, files and HTTP carry the word. Append only: past rows keep codes."""

CODE_OF: Final = {name: code for code, name in enumerate(EVENT_TYPES)}
PURCHASE: Final = CODE_OF["purchase"]

CANCELS: Final = {CODE_OF["refund"]: PURCHASE, CODE_OF["remove_from_cart"]: CODE_OF["add_to_cart"]}
"""An event of the first type cancels an earlier one of the second: neither is a like."""

MOST_PIECES: Final = 1e6
"""Quantity of one event at most."""
MOST_MONEY: Final = 1e12
"""A price, a margin or a rating at most. What was paid for one event is below 1e18 then, and a sum of its squares is
still a number of single precision: one absurd event must not make everybody's figures infinite."""


def shopper_key(user_id: str | None, anonymous_id: str | None) -> str:
    """Return the one key of a shopper: `u:` and the user's id, or `a:` and the anonymous one.

    The prefix keeps a visitor whose cookie equals somebody's user id from reading that person's history.
    """
    if user_id:
        return f"u:{user_id}"
    if anonymous_id:
        return f"a:{anonymous_id}"
    msg = "an event needs a user_id or an anonymous_id"
    raise ValueError(msg)
