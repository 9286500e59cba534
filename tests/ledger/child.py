"""A process for the ledger's tests to kill.

child.py produce SPEC SEED COUNT          feed COUNT rows to each ring, in bursts, waiting while a ring is full
child.py drain SPEC POINT NUMBER          a writer that dies, without any clean-up, the NUMBERth time it comes to POINT
"""

import os
import random
import sys
import time
from pathlib import Path

from build import feeds, read_spec, rings

from roteiro.ledger.segment import Point
from roteiro.ledger.writer import NamesFile, Writer

BOUND = 200_000


def produce(spec: Path, seed: int, count: int) -> None:
    draw, ends = random.Random(seed), feeds(spec)
    for _ in range(BOUND):
        for feed in ends.values():
            feed.put(min(draw.choice((1, 3, 40, 300)), count - feed.head))
        if all(feed.head == count for feed in ends.values()):
            return
        time.sleep(0.0005)
    raise SystemExit("the rings stayed full")


def drain(path: Path, point: str, number: int) -> None:
    left = number

    def at(here: Point) -> None:
        nonlocal left
        left -= here == point
        if left == 0:
            os._exit(9)

    spec = read_spec(path)
    writer = Writer(rings(path), Path(spec.directory), spec.run, spec.epoch_s, NamesFile(Path(spec.names)), at=at)
    for _ in range(4):
        writer.drain_once()
    writer.close()


if __name__ == "__main__":
    kind, spec, one, two = sys.argv[1:]
    if kind == "produce":
        produce(Path(spec), int(one), int(two))
    else:
        drain(Path(spec), one, int(two))
