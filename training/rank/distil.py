"""Distil trees into a small network: it learns the probabilities that the trees give (Hinton et al., 2015)."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from models.arrays import Float32, Int64
from models.network import Network
from training.rank.examples import RankExamples
from training.ranker_settings import RankerSettings

_BATCH = 256
_RATE = 8e-3
_LEAST_STEPS = 6_000
"""Few examples are seen more often: a network learns nothing in a hundred steps. Their labels are a teacher's, without
the noise that this would learn by heart."""
_WARM_UP_STEPS = 200
_FADE_MEAN, _FADE_SQUARE, _TINY = 0.9, 0.999, 1e-8
_LEAST_DEVIATION = 1e-6


def distil(examples: RankExamples, taught: Float32, settings: RankerSettings, seed: int) -> Network:
    """Return a network that gives, like the teacher, log-odds.

    taught: shape (e,), log-odds by the teacher. Cross-entropy to its probabilities, by Adam (Kingma & Ba, ICLR 2015)
    with a rate that falls like a cosine.
    """
    rng = np.random.default_rng(seed)
    network, numbers = _begun(examples.features, settings.hidden, rng)
    wanted = (1 / (1 + np.exp(-taught.astype(np.float64)))).astype(np.float32)
    mean, square = np.zeros_like(numbers), np.zeros_like(numbers)
    epoch_steps = -(-len(taught) // _BATCH)
    epochs = max(settings.epochs, -(-_LEAST_STEPS // epoch_steps))
    n_steps = epochs * epoch_steps
    for step, batch in enumerate(_batches(len(taught), epochs, rng), start=1):
        slope = _slope(network, examples.features[batch], wanted[batch], examples.weights[batch])
        rate = _RATE * min(1, step / _WARM_UP_STEPS) * 0.5 * (1 + np.cos(np.pi * step / n_steps))
        mean += (1 - _FADE_MEAN) * (slope - mean)
        square += (1 - _FADE_SQUARE) * (slope * slope - square)
        size = np.sqrt(square / (1 - _FADE_SQUARE**step)) + _TINY
        numbers -= (rate / (1 - _FADE_MEAN**step)) * mean / size
    return network


def _begun(features: Float32, hidden: tuple[int, ...], rng: np.random.Generator) -> tuple[Network, Float32]:
    """Return a network that knows how features vary and nothing else; He et al., ICCV 2015, for the first weights.

    And all numbers that it learns, in one array that its layers are views of: a step moves them all at once.
    """
    # One column at a time: a copy of all of them would be as large as the examples twice over.
    means, deviations = np.array([_spread(column) for column in features.T]).reshape(-1, 2).T
    scales = np.divide(1, deviations, out=np.zeros_like(deviations), where=deviations > _LEAST_DEVIATION)
    sizes = (2 * features.shape[1], *hidden, 1)
    layers = [
        (rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs)).astype(np.float32), np.zeros(outputs, np.float32))
        for inputs, outputs in pairwise(sizes)
    ]
    # What is always known here may be unknown to whoever asks, a shopper without a history say: it then says nothing.
    layers[0][0][features.shape[1] :] = 0
    arrays = [array for layer in layers for array in layer]
    numbers = np.concatenate([array.ravel() for array in arrays])
    ends = np.cumsum([array.size for array in arrays])[:-1]
    views = [part.reshape(array.shape) for part, array in zip(np.split(numbers, ends), arrays, strict=True)]
    network = Network(
        means.astype(np.float32), scales.astype(np.float32), list(zip(views[::2], views[1::2], strict=True))
    )
    return network, numbers


def _spread(column: Float32) -> tuple[float, float]:
    """Return mean and standard deviation of what is known; zeros where nothing is."""
    known = column[~np.isnan(column)].astype(np.float64)
    return (float(known.mean()), float(known.std())) if len(known) else (0.0, 0.0)


def _batches(n: int, epochs: int, rng: np.random.Generator) -> Iterator[Int64]:
    for _ in range(epochs):
        order = rng.permutation(n)
        yield from (order[start : start + _BATCH] for start in range(0, n, _BATCH))


def _slope(network: Network, features: Float32, wanted: Float32, weights: Float32) -> Float32:
    """Return the slope of the mean cross-entropy in each number of the layers, in their order."""
    *hidden, last = network.layers
    seen = [network.inputs(features)]
    for inner_weights, biases in hidden:
        seen.append(np.maximum(seen[-1] @ inner_weights + biases, 0))
    log_odds = (seen[-1] @ last[0])[:, 0] + last[1][0]
    error = ((1 / (1 + np.exp(-log_odds)) - wanted) * weights / len(wanted))[:, None]
    slopes: list[Float32] = []
    for number in range(len(seen) - 1, -1, -1):
        slopes = [(seen[number].T @ error).ravel(), error.sum(axis=0), *slopes]
        if number:
            error = (error @ network.layers[number][0].T) * (seen[number] > 0)
    return np.concatenate(slopes)
