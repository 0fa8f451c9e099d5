"""One training run: read, check, fit, judge, refit, write, publish. A failure leaves the last good state."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version as installed_version

from models.arrays import DAY_US
from models.errors import CheckFailedError, GateRefusedError
from models.placement import Placement, Task
from store.bundles.manifest import DataWindow, Measured
from store.bundles.published import PublishedBundles
from store.bundles.write import Draft, write_bundle
from store.database import Database
from store.histories import forget_stale_pasts, wait_for_events, write_pasts
from training.checking import check_shop
from training.checks.finding import Finding, refusal
from training.cleaning.run import Cleaned, clean_before
from training.config import Recipe
from training.data_end import data_end_us
from training.evaluate.report import as_json
from training.fitting import FittedSources, fit_sources, lay_out
from training.judging import Judged, judge
from training.pasts import stored_pasts
from training.progress import Steps
from training.ranking import FittedTask, rankers_of
from training.read import ShopData, read_shop
from training.ready import in_demand, make_ready
from training.report.make import Material, make_report
from training.trial import fit_trial
from training.versions import new_version


@dataclass(frozen=True)
class Trained:
    """What a run made."""

    version: str
    judged: Judged
    left_out: Mapping[str, str]
    n_pasts: int
    """Shoppers whose past was stored."""


def train(
    *,
    database: Database,
    bundles: PublishedBundles,
    recipe: Recipe,
    placements: Mapping[str, Placement],
    now: datetime,
    steps: Steps,
    force_reason: str | None = None,
) -> Trained:
    """Train and publish. Raises CheckFailedError, GateRefusedError, BusyError and what reading and writing raise.

    force_reason: publish although the gate refuses; it is kept in the bundle and in the list of decisions.
    """
    with bundles.training():
        with steps.step("read"):
            shop = read_shop(database)
        findings = _check(shop, recipe, now, steps)
        until_us = data_end_us(shop.events, now)
        cleaned = _clean(shop, recipe, until_us, steps)
        # Judged on the last horizon, with sources that end before it and a blend from the horizon before that.
        with steps.step("judge the recipe"):
            trial = fit_trial(shop, recipe, placements, until_us - recipe.horizon_days * DAY_US, steps)
            judged = judge(trial, shop, recipe, placements, bundles, steps)
        if judged.refusals and force_reason is None:
            raise GateRefusedError(
                "not published: " + "; ".join(judged.refusals) + ". Change the recipe, or `--force REASON`"
            )
        # Every window moves forward by one horizon: rankings learn also from the days that the trial was judged on.
        tasks = trial.refit_tasks(recipe, placements, steps)
        with steps.step("fit on everything"):
            sources = fit_sources(lay_out(shop, recipe, until_us), recipe, steps)
        with steps.step("rank the pages of products"):
            ready = make_ready(sources.snapshot(rankers_of(tasks)), placements, in_demand(sources))
        draft = _draft(now, sources, tasks, recipe, judged, cleaned, force_reason)
        with steps.step("report"):
            earlier = bundles.readable_manifests()
            report = make_report(Material(draft, recipe, placements, earlier, findings), trial)
        with steps.step("write the bundle"):
            write_bundle(bundles.root, replace(draft, ready=ready, report=report))
        with steps.step("store histories"):
            with database.writing() as connection:
                n_pasts = write_pasts(connection, stored_pasts(sources.data), seen_seq=shop.last_seq)
            with database.writing() as connection:
                wait_for_events(connection)
                n_pasts -= forget_stale_pasts(connection, after_seq=shop.last_seq)
        bundles.promote(draft.version, at=now.isoformat(), action="publish", reason=force_reason or "")
    return Trained(draft.version, judged, sources.left_out, n_pasts)


def _check(shop: ShopData, recipe: Recipe, now: datetime, steps: Steps) -> tuple[Finding, ...]:
    with steps.step("check"):
        findings = check_shop(shop, recipe, now_us=round(now.timestamp() * 1e6))
    for finding in findings:
        if finding.level == "WARN":
            steps.warn(f"{finding.check}: {finding.what}")
    if refused := refusal(findings):
        raise CheckFailedError(refused)
    return findings


def _clean(shop: ShopData, recipe: Recipe, until_us: int, steps: Steps) -> Cleaned:
    """Say what cleaning takes out of all that the bundle will learn from; whatever lays a past out cleans it itself."""
    with steps.step("clean"):
        _, cleaned = clean_before(shop, recipe.cleaning, until_us)
    for warning in cleaned.warnings(recipe.cleaning):
        steps.warn(warning)
    return cleaned


def _draft(
    now: datetime,
    sources: FittedSources,
    tasks: Mapping[Task, FittedTask],
    recipe: Recipe,
    judged: Judged,
    cleaned: Cleaned,
    force_reason: str | None,
) -> Draft:
    data = sources.data
    return Draft(
        version=new_version(now),
        created_at=now.isoformat(),
        endcap_version=installed_version("endcap"),
        catalogue=sources.catalogue,
        n_warm=data.n_warm,
        memory=data.memory,
        learned=sources.learned,
        left_out=sources.left_out,
        rankers=rankers_of(tasks),
        facts=sources.facts,
        trees={task: fitted.ranker.trees.text for task, fitted in tasks.items() if fitted.ranker is not None},
        recipe=recipe.model_dump(mode="json"),
        data=DataWindow(
            first_us=int(data.events.ts_us.min()),
            until_us=data.until_us,
            n_events=len(data.events),
            n_shoppers=len(data.shoppers),
            cleaned=cleaned.counts(),
        ),
        metrics=Measured(
            protocol=_protocol(recipe),
            figures=judged.figures(),
            rows=tuple(as_json([judged.table], 0.0)["rows"]),
            calibration_error={task: fitted.calibration_error for task, fitted in tasks.items()},
            refusals=judged.refusals,
            forced=force_reason,
        ),
    )


def _protocol(recipe: Recipe) -> str:
    """Say in words how a bundle's figures were measured."""
    told = f"temporal, the last {recipe.horizon_days} days of the data, recipe fitted before them"
    return told if recipe.ranker.horizons == 1 else f"{told}, rankings on one horizon less than what serves"
