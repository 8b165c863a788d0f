"""Random numbers that depend on nothing but where they are used: a counter-based generator.

Every draw is a pure function of (seed, purpose, index): no hidden state, so the same seed gives the same initial θ, the
same minibatches and the same masks on every engine, on every number of threads, and when fitting resumes in the middle.

The generator is Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as
1, 2, 3", https://doi.org/10.1145/2063384.2063405): only additions, rotations and exclusive-ors of 32-bit words, which
every array library has.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Key = tuple[int, int]
"""Two 32-bit words that name a stream of random numbers."""

# What a stream is for: the first index of `stream`.
PARAMETERS, ORDER, SPLIT, CHECK, NOISE, AUGMENTATION, BATCHES, SAMPLES = range(8)

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def threefry(key: tuple[Any, Any], c0: Any, c1: Any, xp: Any = np) -> tuple[Any, Any]:
    """Threefry-2x32-20: two words of counter to two words of random bits, elementwise.

    Parameters
    ----------
    key : two ints, or two uint32 arrays that broadcast with the counters
        The stream, or one stream a row.
    c0, c1 : (n,) uint32
        The counters; or arrays that broadcast with each other.
    xp : module
        The array namespace.

    Returns
    -------
    (n,) uint32, (n,) uint32

    Examples
    --------
    The known answer for a key and a counter of zeros:

    >>> zero = np.zeros(1, np.uint32)
    >>> [hex(word[0]) for word in threefry((0, 0), zero, zero)]
    ['0x6b200159', '0x99ba4efe']
    """
    k = [xp.atleast_1d(xp.asarray(word, np.uint32)) for word in key]  # arrays wrap around without a warning
    k.append(k[0] ^ k[1] ^ np.uint32(_PARITY))
    x0, x1 = c0 + k[0], c1 + k[1]
    for block in range(5):
        for rotation in _ROTATIONS[block % 2]:
            x0 = x0 + x1
            x1 = ((x1 << np.uint32(rotation)) | (x1 >> np.uint32(32 - rotation))) ^ x0
        x0 = x0 + k[(block + 1) % 3]
        x1 = x1 + (k[(block + 2) % 3] + np.uint32(block + 1))
    return x0, x1


@lru_cache(maxsize=1024)
def stream(seed: int, *indices: int) -> Key:
    """The key of the stream (seed, purpose, index, ...), e.g. ``stream(seed, ORDER, epoch)``.

    >>> stream(0, ORDER, 3) == stream(0, ORDER, 3), stream(0, ORDER, 3) == stream(0, ORDER, 4)
    (True, False)
    """
    key: Key = _words(seed)
    for index in indices:
        key = substream(key, index)
    return key


def substream(key: Key, index: int) -> Key:
    """The key of the stream ``index`` within a stream, from which nothing else is drawn then."""
    low, high = _words(index)
    x0, x1 = threefry(key, np.array([low], np.uint32), np.array([high], np.uint32))
    return int(x0[0]), int(x1[0])


def _words(integer: int) -> Key:
    return integer & 0xFFFFFFFF, (integer >> 32) & 0xFFFFFFFF


def bits(key: Key, n: int) -> npt.NDArray[np.uint64]:
    """N words of 64 random bits: (n,) uint64."""
    i = np.arange(n, dtype=np.uint64)
    x0, x1 = threefry(key, i.astype(np.uint32), (i >> np.uint64(32)).astype(np.uint32))
    words: npt.NDArray[np.uint64] = (x0.astype(np.uint64) << np.uint64(32)) | x1.astype(np.uint64)
    return words


def uniform(key: Key, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Uniform on the open interval (0, 1): 52 random bits and a half, so never 0 and never 1.

    >>> u = uniform(stream(0, PARAMETERS), (1000,))
    >>> bool(0 < u.min() and u.max() < 1)
    True
    """
    n = int(np.prod(shape))
    u: npt.NDArray[np.float64] = ((bits(key, n) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return u.reshape(shape)


def normal(key: Key, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Standard normal, by the transform of Box and Muller (1958).

    >>> z = normal(stream(0, PARAMETERS), (10000,))
    >>> bool(abs(z.mean()) < 0.03 and abs(z.std() - 1) < 0.03)
    True
    """
    n = int(np.prod(shape))
    u = uniform(key, (2, (n + 1) // 2))
    radius, angle = np.sqrt(-2.0 * np.log(u[0])), 2.0 * np.pi * u[1]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:n].reshape(shape)


def permutations(seed: int, epochs: range, n: int) -> npt.NDArray[np.uint32]:
    """The order in which each epoch sees its n examples: (len(epochs), n) uint32, each row a permutation.

    By the method of Fisher and Yates: example i takes a place among the first i + 1, each as probable as the others,
    and the example that was there comes to place i. Of 32 random bits, the place is the whole part of
    bits (i + 1) / 2^32.

    >>> permutations(0, range(2), 5)
    array([[0, 1, 4, 2, 3],
           [0, 2, 3, 4, 1]], dtype=uint32)
    """
    epoch = np.arange(epochs.start, epochs.stop, dtype=np.uint32)
    k0, k1 = threefry(stream(seed, ORDER), epoch, np.zeros_like(epoch))
    pair = np.arange((n + 1) // 2, dtype=np.uint32)
    words_of_pairs = np.stack(threefry((k0[:, None], k1[:, None]), pair, np.zeros_like(pair)), axis=2)
    drawn = words_of_pairs.reshape(len(epoch), -1)[:, :n].astype(np.uint64)
    places = np.multiply(drawn, np.arange(1, n + 1, dtype=np.uint64)) >> np.uint64(32)
    return np.array([_placed(row.tolist()) for row in places], np.uint32).reshape(len(epoch), n)


def _placed(places: list[int]) -> list[int]:
    order: list[int] = []
    for i, place in enumerate(places):
        order.append(i)
        order[i], order[place] = order[place], i
    return order


def words(key: tuple[Any, Any], shape: tuple[int, ...], first: int = 0, xp: Any = np) -> Any:
    """32 random bits for each number of a minibatch (n, p): the two words of a counter serve both halves of a row.

    ``first`` is the place of the first row in its minibatch, for engines that take a minibatch in pieces.
    """
    n, p = shape[0], int(np.prod(shape[1:]))
    i, j = xp.arange(first, first + n, dtype=np.uint32), xp.arange((p + 1) // 2, dtype=np.uint32)
    x = threefry(key, i[:, None], j, xp)
    return xp.reshape(xp.concatenate(x, axis=1)[:, :p], shape)


def keep(key: tuple[Any, Any], shape: tuple[int, ...], *, rate: float, xp: Any = np, dtype: Any = np.float64) -> Any:
    """1 with probability 1 − rate, else 0: the mask of dropout.

    >>> keep(stream(0, NOISE), (2, 4), rate=0.5)
    array([[0., 1., 1., 1.],
           [1., 1., 1., 0.]])
    """
    return (words(key, shape, xp=xp) >= np.uint32(min(round(rate * 2**32), 2**32 - 1))).astype(dtype)


def noise(key: tuple[Any, Any], shape: tuple[int, ...], *, scale: float, xp: Any = np, dtype: Any = np.float64) -> Any:
    """Standard normal numbers for a minibatch (n, p), by Box and Muller: both of a pair are used, one in each half.

    The scale is applied by the operation.
    """
    n, p = shape[0], int(np.prod(shape[1:]))
    half = (p + 1) // 2
    u = (words(key, (n, 2 * half), xp=xp).astype(dtype) + 0.5) * 2.0**-32
    radius, angle = xp.sqrt(-2 * xp.log(u[:, :half])), 2 * np.pi * u[:, half:]
    return xp.reshape(xp.concatenate([radius * xp.cos(angle), radius * xp.sin(angle)], axis=1)[:, :p], shape)
