"""Rankers in a bundle: the blend as JSON, a learned ranker's network and facts as arrays beside it."""

import json
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.array_files import write_array
from models.facts import Facts
from models.features import Features
from models.learned import LearnedRanker
from models.network import Network
from models.placement import Task
from models.rank import Blend, Calibration, LogisticSum, Ranker
from store.bundles.manifest import Manifest
from store.bundles.parts import read_array, write_json

FACTS: Final = "facts"
RANKERS: Final = "rankers"


def write_facts(folder: Path, facts: Facts) -> None:
    """Write the facts into a bundle's folder."""
    here = folder / FACTS
    write_json(here / "columns.json", {"numbers": facts.names, "groups": facts.group_names})
    write_array(here / "numbers.npy", np.ascontiguousarray(facts.numbers))
    write_array(here / "groups.npy", np.ascontiguousarray(facts.groups))


def read_facts(folder: Path, manifest: Manifest) -> Facts | None:
    """Read the facts; None from a bundle of before there were any. Raises ValueError and KeyError."""
    if f"{FACTS}/columns.json" not in manifest.files:
        return None
    columns = json.loads((folder / FACTS / "columns.json").read_bytes())
    facts = Facts(
        tuple(columns["numbers"]),
        read_array(folder, f"{FACTS}/numbers.npy", manifest),
        tuple(columns["groups"]),
        read_array(folder, f"{FACTS}/groups.npy", manifest),
    )
    if len(facts.numbers) != manifest.n_items + 1:
        raise ValueError(f"there are facts of {len(facts.numbers)} rows for {manifest.n_items} items and the unknown")
    if facts.n_groups > facts.groups.size:
        raise ValueError(f"there are {facts.n_groups} groups in {facts.groups.shape} places")
    return facts


def write_ranker(folder: Path, task: Task, ranker: Ranker) -> None:
    """Write one task's ranker into a bundle's folder."""
    here = folder / RANKERS
    if isinstance(ranker, Blend):
        write_json(here / f"{task}.json", _blend_as_json(ranker))
        return
    if not isinstance(ranker, LearnedRanker) or not isinstance(ranker.form, Network):
        raise TypeError(f"a bundle keeps blends and networks, not {ranker}")
    learned = {
        "kind": "learned",
        "blend": _blend_as_json(ranker.blend),
        "columns": ranker.features.columns,
        "features": ranker.features.names,
        "of_shopper": ranker.features.of_shopper,
        "n_best": ranker.n_best,
        "slope": ranker.slope,
        "bias": ranker.bias,
    }
    write_json(here / f"{task}.json", learned)
    (here / task).mkdir()
    write_array(here / task / "means.npy", ranker.form.means)
    write_array(here / task / "scales.npy", ranker.form.scales)
    for number, (weights, biases) in enumerate(ranker.form.layers):
        write_array(here / task / f"weights_{number}.npy", np.ascontiguousarray(weights))
        write_array(here / task / f"biases_{number}.npy", np.ascontiguousarray(biases))


def read_ranker(folder: Path, task: str, manifest: Manifest, facts: Facts | None) -> Ranker:
    """Read one task's ranker. Raises ValueError and KeyError."""
    raw = json.loads((folder / RANKERS / f"{task}.json").read_bytes())
    if raw["kind"] == "blend":
        return _blend(raw)
    if raw["kind"] != "learned":
        raise ValueError(f"{task}.json is a {raw['kind']}; this Endcap knows blends and learned rankers")
    if facts is None:
        raise ValueError("it has a learned ranker and no facts")
    features = Features(tuple(raw["columns"]), facts, bool(raw["of_shopper"]))
    if list(features.names) != raw["features"]:
        others = sorted(set(features.names) ^ set(raw["features"]))
        raise ValueError(f"the ranker learned from other features than the facts give: {', '.join(others)}")
    form = _network(folder, f"{RANKERS}/{task}", manifest, len(features.names))
    return LearnedRanker(
        _blend(raw["blend"]), features, form, int(raw["n_best"]), float(raw["slope"]), float(raw["bias"])
    )


def _network(folder: Path, here: str, manifest: Manifest, n_features: int) -> Network:
    """Read a network, and see that its layers fit one another."""
    means, scales = (read_array(folder, f"{here}/{name}.npy", manifest) for name in ("means", "scales"))
    layers, n_inputs = [], 2 * n_features
    for number in count():
        if f"{here}/weights_{number}.npy" not in manifest.files:
            break
        weights = read_array(folder, f"{here}/weights_{number}.npy", manifest)
        biases = read_array(folder, f"{here}/biases_{number}.npy", manifest)
        if weights.shape != (n_inputs, len(biases)):
            raise ValueError(f"layer {number} of the network is {weights.shape}, not ({n_inputs}, {len(biases)})")
        layers.append((weights, biases))
        n_inputs = len(biases)
    if n_inputs != 1 or len(means) != n_features or len(scales) != n_features:
        raise ValueError(f"the network does not lead from {n_features} features to one score")
    if not all(np.isfinite(array).all() for array in (means, scales, *(one for layer in layers for one in layer))):
        raise ValueError("the network has numbers that are none")
    return Network(means, scales, layers)


def _blend_as_json(blend: Blend) -> dict[str, Any]:
    return {"kind": "blend", "bought": _sum_as_json(blend.bought), "fresh": _sum_as_json(blend.fresh)}


def _sum_as_json(part: LogisticSum) -> dict[str, Any]:
    curves = {
        name: {**asdict(curve), "scores": curve.scores.tolist(), "log_odds": curve.log_odds.tolist()}
        for name, curve in part.calibrations.items()
    }
    return {"bias": part.bias, "calibrations": curves}


def _blend(raw: dict[str, Any]) -> Blend:
    return Blend(bought=_logistic_sum(raw["bought"]), fresh=_logistic_sum(raw["fresh"]))


def _logistic_sum(raw: dict[str, Any]) -> LogisticSum:
    return LogisticSum(
        bias=float(raw["bias"]),
        calibrations={
            name: Calibration(
                np.array(curve["scores"], dtype=np.float32),
                np.array(curve["log_odds"], dtype=np.float32),
                float(curve["missing"]),
                float(curve["weight"]),
            )
            for name, curve in raw["calibrations"].items()
        },
    )
