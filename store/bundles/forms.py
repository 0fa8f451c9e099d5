"""The form of a learned ranker in a bundle: the arrays of its network and of its trees."""

from itertools import count
from pathlib import Path

import numpy as np

from models.array_files import write_array
from models.ensemble import Ensemble
from models.masked_trees import MaskedTrees
from models.network import Network
from store.bundles.manifest import Manifest
from store.bundles.parts import read_array


def write_form(folder: Path, form: Ensemble) -> None:
    """Write a form into a new folder."""
    network, trees = form.network, form.trees
    arrays = {
        "means": network.means,
        "scales": network.scales,
        "features": trees.features,
        "least": trees.least,
        "masks": trees.masks,
        "values": trees.values,
    }
    for number, (weights, biases) in enumerate(network.layers):
        arrays |= {f"weights_{number}": weights, f"biases_{number}": biases}
    folder.mkdir()
    for name, array in arrays.items():
        write_array(folder / f"{name}.npy", np.ascontiguousarray(array))


def read_form(folder: Path, here: str, manifest: Manifest, n_features: int) -> Ensemble:
    """Read a form of so many features from a folder of a bundle. Raises ValueError."""
    return Ensemble(_network(folder, here, manifest, n_features), _trees(folder, here, manifest, n_features))


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


def _trees(folder: Path, here: str, manifest: Manifest, n_features: int) -> MaskedTrees:
    """Read trees, and see that their arrays fit one another."""
    features, least, masks, values = (
        read_array(folder, f"{here}/{name}.npy", manifest) for name in ("features", "least", "masks", "values")
    )
    if masks.dtype.kind != "u" or values.shape != (masks.shape[-1], 8 * masks.itemsize):
        raise ValueError(f"the trees have leaves {values.shape} for masks {masks.dtype}{masks.shape}")
    if least.shape != (len(features), masks.shape[1]) or masks.shape[:2] != least.shape:
        raise ValueError(f"the trees have bins {least.shape} for masks {masks.shape} of {len(features)} features")
    if least.shape[1].bit_count() != 1:
        raise ValueError(f"the trees have {least.shape[1]} bins a feature, no power of 2")
    if len(features) and not 0 <= features.min() <= features.max() < n_features:
        raise ValueError(f"the trees split on features beyond the {n_features}")
    if not np.isfinite(values).all():
        raise ValueError("the trees have leaves that are no numbers")
    return MaskedTrees(features, least, masks, values)
