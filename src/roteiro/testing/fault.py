"""The ways a provider fails, one class each: what it does to the answer it would have given.

Each is read from JSON or YAML by its name in `fault`, and is drawn for a request with probability `rate`.
What must not live here: what any one of them does (`fault_of_…`), when faults hold (`script`), sockets (`connection`).
"""

from typing import TypeAlias

import msgspec

from roteiro.testing.fault_base import Fault, Scene
from roteiro.testing.fault_of_refusal import ContentRefused, ContextTooLong, PrefixRefused, Quota, Status, Throttle
from roteiro.testing.fault_of_stream import CutStream, Empty, ErrorFrame, Malformed, NoDone, NoFinish, Nonsense, WrongType
from roteiro.testing.fault_of_transport import ChunkGarbage, Gzip, HalfBody, Http10, Huge, Reset, Slow, Stall, Trickle

__all__ = [
    "AnyFault",
    "ChunkGarbage",
    "ContentRefused",
    "ContextTooLong",
    "CutStream",
    "Empty",
    "ErrorFrame",
    "Fault",
    "Gzip",
    "HalfBody",
    "Http10",
    "Huge",
    "Malformed",
    "NoDone",
    "NoFinish",
    "Nonsense",
    "PrefixRefused",
    "Quota",
    "Reset",
    "Scene",
    "Slow",
    "Stall",
    "Status",
    "Throttle",
    "Trickle",
    "WrongType",
]

AnyFault: TypeAlias = (
    Status
    | Throttle
    | Quota
    | ContextTooLong
    | ContentRefused
    | PrefixRefused
    | Slow
    | Stall
    | Reset
    | HalfBody
    | Huge
    | Trickle
    | Gzip
    | Http10
    | ChunkGarbage
    | CutStream
    | ErrorFrame
    | NoFinish
    | NoDone
    | Empty
    | Malformed
    | Nonsense
    | WrongType
)
"""What a script may name; msgspec reads it by the field `fault`."""
_ = msgspec.json.Decoder(AnyFault)  # two faults of one name would be found here, at import
