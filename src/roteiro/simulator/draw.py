"""Random numbers of the simulated world: streams, and the luck of each request.

A stream is xoshiro256++ in a record of four words, by D. Blackman and S. Vigna, "Scrambled linear pseudorandom number generators" (2021),
seeded by splitmix64 as they advise. Its state is plain data, so that a run can be stopped and resumed, and machine code and plain Python
draw the same numbers.

The luck of a request is a word from which each of its draws is hashed by its own number (G. Steele, D. Lea and C. Flood, "Fast splittable
pseudorandom number generators", 2014: splitmix64's finaliser). What is drawn does not depend on what was drawn before, so that two plans
under one seed see the same luck for the same request, whatever path it takes: common random numbers (A. Law, "Simulation modeling and
analysis", 11.2), under which the difference of two plans is told by far fewer requests.

What must not live here: the shape of what is drawn (`table`), and who asks for it.
"""

import math
from typing import Any, Final

import numpy as np

from roteiro.policy.kernel import JIT, kernel

__all__ = ["GENERATOR", "chance", "exponential", "gamma", "luck", "seeded", "uniform"]

WORD: Final = (1 << 64) - 1
TO_UNIT: Final = 2.0**-53
GENERATOR: Final = np.dtype([("a", "u8"), ("b", "u8"), ("c", "u8"), ("d", "u8")], align=True)


def seeded(seed: int, stream: int) -> tuple[int, ...]:
    """The four words of a generator.

    Streams of one seed are independent, so that demand does not change when a plan draws more or less often.
    """
    x = (seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03) & WORD
    state = []
    for _ in range(4):
        x = (x + 0x9E3779B97F4A7C15) & WORD
        z = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & WORD
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
        state.append(z ^ (z >> 31))
    return tuple(state)


if JIT:
    STEP, FIRST, SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
    U27, U30, U31 = np.uint64(27), np.uint64(30), np.uint64(31)

    @kernel
    def luck(word: int, n: int) -> int:
        """The `n`-th word that follows from a word, of 64 bits: a seed's for a request, a request's for an attempt."""
        x = np.uint64(word) + (np.uint64(n) + np.uint64(1)) * STEP
        x = (x ^ (x >> U30)) * FIRST
        x = (x ^ (x >> U27)) * SECOND
        return x ^ (x >> U31)  # type: ignore[return-value]

    @kernel
    def chance(word: int, n: int) -> float:
        """The `n`-th draw of that luck: uniform in [0, 1), of 53 bits."""
        return np.float64(np.uint64(luck(word, n)) >> U11) * TO_UNIT
else:

    def luck(word: int, n: int) -> int:
        """The `n`-th word that follows from a word, of 64 bits: a seed's for a request, a request's for an attempt."""
        x = (int(word) + (int(n) + 1) * 0x9E3779B97F4A7C15) & WORD
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & WORD
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & WORD
        return x ^ (x >> 31)

    def chance(word: int, n: int) -> float:
        """The `n`-th draw of that luck: uniform in [0, 1), of 53 bits."""
        return (luck(word, n) >> 11) * TO_UNIT


if JIT:
    U11, U17, U19, U23, U41, U45 = (np.uint64(n) for n in (11, 17, 19, 23, 41, 45))

    @kernel
    def uniform(state: Any) -> float:
        """Uniform in [0, 1), of 53 bits."""
        a, b, c, d = state.a, state.b, state.c, state.d
        x = a + d
        x = ((x << U23) | (x >> U41)) + a
        c ^= a
        d ^= b
        state.b = b ^ c
        state.a = a ^ d
        state.c = c ^ (b << U17)
        state.d = (d << U45) | (d >> U19)
        return np.float64(x >> U11) * TO_UNIT
else:

    def uniform(state: Any) -> float:
        """Uniform in [0, 1), of 53 bits."""
        a, b, c, d = int(state.a), int(state.b), int(state.c), int(state.d)
        x = (a + d) & WORD
        x = (((x << 23) | (x >> 41)) + a) & WORD
        c ^= a
        d ^= b
        state.b, state.a = b ^ c, a ^ d
        state.c = c ^ ((b << 17) & WORD)
        state.d = ((d << 45) | (d >> 19)) & WORD
        return (x >> 11) * TO_UNIT


@kernel
def exponential(state: Any, mean: float) -> float:
    return -mean * math.log(1.0 - uniform(state))


@kernel
def normal(state: Any) -> float:
    """Standard normal, by G. Marsaglia's polar method."""
    while True:
        x = 2.0 * uniform(state) - 1.0
        y = 2.0 * uniform(state) - 1.0
        r = x * x + y * y
        if 0.0 < r < 1.0:
            return x * math.sqrt(-2.0 * math.log(r) / r)


@kernel
def gamma(state: Any, shape: float) -> float:
    """Gamma of scale 1: G. Marsaglia and W. Tsang, "A simple method for generating gamma variables" (2000)."""
    boost = 1.0
    if shape < 1.0:
        boost = (1.0 - uniform(state)) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(state)
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v = v * v * v
        if math.log(1.0 - uniform(state)) < 0.5 * x * x + d - d * v + d * math.log(v):
            return d * v * boost
