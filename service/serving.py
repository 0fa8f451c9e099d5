"""How a published bundle becomes what requests are answered from; all of it works in a thread."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from models.context import Context, build_context
from models.errors import BundleError, ConfigurationError
from models.placement import Placement
from models.recommend import recommend
from models.snapshot import Snapshot
from store.bundles.verified import open_verified
from store.catalogue import CatalogueView, read_catalogue_view, refreshed
from store.database import Database
from store.newcomers import read_newcomers

_WARMED_WITH = 4
"""Items, the first ones of the bundle."""


@dataclass(frozen=True)
class Serving:
    """What one request reads, once."""

    snapshot: Snapshot
    """A bundle over `view.catalogue`."""
    view: CatalogueView
    n_bundle_items: int
    """Rows of the view that are the bundle's; the others came after its training."""
    degraded: Mapping[str, str]
    """Placement -> why this bundle cannot rank it."""


def open_serving(
    folder: Path, stamps: Path, database: Database, placements: Mapping[str, Placement], *, now_us: int
) -> Serving:
    """Open a bundle over the catalogue as it is now, and ask it for every placement once.

    stamps: what the processes of this host know of checksums (`open_verified`). Raises BundleError and DatabaseError.
    """
    # A database that is away is no fault of the bundle's, and is asked before the work of opening it.
    with database.reading():
        pass
    bundle = open_verified(folder, stamps)
    view = read_catalogue_view(database, bundle.snapshot.vocabulary, now_us=now_us)
    newcomers = read_newcomers(database, bundle.newcomers_in(view.catalogue))
    snapshot = bundle.with_catalogue(view.catalogue, newcomers)
    return Serving(snapshot, view, bundle.manifest.n_items, _warm(snapshot, placements, now_us))


def over_newer_catalogue(serving: Serving, database: Database, *, now_us: int) -> Serving:
    """Return the same bundle over the catalogue as it is now. Raises DatabaseError."""
    view = refreshed(database, serving.view, now_us=now_us)
    if view.catalogue is serving.view.catalogue:
        return replace(serving, view=view)
    # What masks keep between requests is worked out here, and not in somebody's request.
    view.catalogue.eligible(now_us)
    view.catalogue.all_eligible(view.catalogue.vocabulary.rows(()), now_us)
    view.catalogue.within(())
    after = slice(serving.n_bundle_items, None)
    newcomers = None
    if view.changed_us[after].tobytes() != serving.view.changed_us[after].tobytes():
        newcomers = read_newcomers(database, view.catalogue.vocabulary.ids[after])
    return replace(serving, view=view, snapshot=serving.snapshot.over(view.catalogue, newcomers))


def _warm(snapshot: Snapshot, placements: Mapping[str, Placement], now_us: int) -> dict[str, str]:
    """Ask for every placement, so that pages are mapped before somebody waits for them.

    Returns placement -> why the bundle cannot rank it. Raises BundleError if it fails at one in another way.
    """
    degraded = {}
    for name, placement in placements.items():
        try:
            for context in _questions(snapshot, now_us):
                recommend(context, snapshot, placement)
        except ConfigurationError as error:
            degraded[name] = str(error)
        except Exception as error:
            raise BundleError(
                f"bundle {snapshot.version} fails when it is asked for placement {name!r}: {error!r}; "
                "roll back or train again"
            ) from error
    return degraded


def _questions(snapshot: Snapshot, now_us: int) -> list[Context]:
    """Return a request of somebody new, one from a product's page, and one of a shopper."""
    some = snapshot.vocabulary.ids[:_WARMED_WITH]
    ask = partial(build_context, snapshot.vocabulary, snapshot.memory, now_us=now_us)
    return [ask(), ask(anchor_ids=some), ask(session_ids=some)]
