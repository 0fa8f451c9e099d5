import pytest

from models.errors import ConfigurationError
from training.fit import FITS, fit_of


def test_a_source_is_found_by_its_name() -> None:
    assert all(fit_of(name) is FITS[name] for name in FITS)


def test_a_name_that_does_not_exist_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'covisitation'"):
        fit_of("covisitations")
