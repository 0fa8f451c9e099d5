"""Real Valkey servers for the tests of the shoppers' cache."""

from tests.valkeys import shared_valkey, valkey, valkey_url

__all__ = ["shared_valkey", "valkey", "valkey_url"]
