"""A batch's input is read into items: a small one where it came in, a large one in a process of its own.

    python -m roteiro.gateway.batches_reader --secrets-fd N --batch ID

The process keeps the seconds and the memory that 256 MB of JSON cost away from whoever answers clients. It prints one JSON line: null, or
the refusal. What must not live here: where items are kept, and the shape of a batch's objects.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from roteiro.gateway.batches_files import File, Files
from roteiro.gateway.batches_store import MOST_ITEMS, Batch, Batches, Item
from roteiro.gateway.internal import read_secrets
from roteiro.gateway.vault import Vault
from roteiro.gateway.vault_keys import Keyring
from roteiro.terms.error import RequestError, RoteiroError
from roteiro.wire.anthropic_batch import read_batch
from roteiro.wire.openai_batch import read_line

__all__ = ["SMALL_BYTES", "Refusal", "main", "read_items"]

SMALL_BYTES: Final = 1024 * 1024
"""Larger inputs are read in a process of their own."""
TOGETHER: Final = 500
"""Items of one transaction, which others who write wait for."""
MOST_ERRORS: Final = 50


class Refusal(msgspec.Struct):
    """A RequestError as one JSON line."""

    status: int
    code: str
    message: str
    param: str | None = None


def read_items(vault: Vault, id: str) -> None:
    """Reads the input of a batch, which is `open` after that; one of OpenAI's that cannot be read ends as `failed`.

    Raises RequestError where one of Anthropic's cannot be read.
    """
    batches, files = Batches(vault), Files(vault)
    batch = batches.find(id)
    file = files.find(batch.input)
    if batch.dialect == "anthropic":
        items: list[Item] = [Item(item.custom_id, item.body) for item in read_batch(b"".join(files.slices(file)), MOST_ITEMS)]
    else:
        read, errors = read_file(files, file, batch)
        if errors:
            batches.fail(id, [msgspec.to_builtins(error) for error in errors])
            return
        items = read
    for first in range(0, len(items), TOGETHER):
        batches.add(id, first, items[first : first + TOGETHER])
    batches.open(id)


class LineError(msgspec.Struct):
    """What is wrong with an input file."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


def read_file(files: Files, file: File, batch: Batch) -> tuple[list[Item], list[LineError]]:
    """The requests in an input file of OpenAI's dialect, and what is wrong with it; at most MOST_ERRORS of these."""
    items: list[Item] = []
    errors: list[LineError] = []
    known: set[str] = set()
    for number, line in lines_of(files.slices(file)):
        try:
            custom_id, body = read_line(line, batch.endpoint)
        except RequestError as error:
            errors.append(LineError(error.code, f"line {number}: {error}", number, error.param))
        else:
            if custom_id in known:
                errors.append(LineError("duplicate_custom_id", f"line {number}: the custom_id was used before", number, "custom_id"))
            known.add(custom_id)
            items.append(Item(custom_id, body))
        if len(errors) >= MOST_ERRORS:
            return [], errors
        if len(items) > MOST_ITEMS:
            return [], [LineError("too_many_requests", f"the file has more than {MOST_ITEMS} requests")]
    if not items and not errors:
        errors.append(LineError("empty_file", "the file has no requests"))
    return items, errors


def lines_of(slices: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines that are not empty, with their numbers from 1."""
    rest, number = b"", 0
    for piece in slices:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            number += 1
            if line.strip():
                yield number, line
    if rest.strip():
        yield number + 1, rest


def main(arguments: list[str] | None = None) -> int:
    """Reads one input → exit code: 0 done or refused, as the line says; 1 it failed, and the log says why."""
    parser = argparse.ArgumentParser(prog="roteiro-batch-reader", description="Reads a batch's input; started by a worker.")
    parser.add_argument("--secrets-fd", required=True, type=int)
    parser.add_argument("--batch", required=True)
    options = parser.parse_args(arguments)
    said: Refusal | None = None
    try:
        known = read_secrets(options.secrets_fd)
        vault = Vault(Path(known.vault), Keyring(known.vault_keys))
        try:
            read_items(vault, options.batch)
        finally:
            vault.close()
    except RequestError as error:
        said = Refusal(error.status, error.code, str(error), error.param)
    except RoteiroError as error:
        sys.stderr.write(f"the input of a batch cannot be read: {error}\n")
        return 1
    sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
