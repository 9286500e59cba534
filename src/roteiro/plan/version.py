"""One version of a plan within a run, as a file: what a replay needs to build the same tables again.

A run begins with version 0; each adoption, and each change of keys, adds one. What must not live here: secrets. Grants are kept without the
digests of their keys.
"""

from pathlib import Path

import msgspec

from roteiro.plan.compile import Compiled, Grant, RingSizes, compile_plan
from roteiro.plan.digest import canonical_json, load_canonical
from roteiro.terms.edge import Names
from roteiro.terms.error import LedgerError

__all__ = ["Version", "load_version", "save_version", "version_path"]


class Holder(msgspec.Struct, frozen=True):
    name: str
    tenant: str
    workload: str | None = None


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """`plan` is the canonical JSON of a resolved plan, `epoch_unix_s` and ring sizes are the block's."""

    number: int
    digest: str
    plan: str
    holders: list[Holder]
    epoch_unix_s: float
    flows: int
    events: int
    decisions: int


def version_path(run_directory: Path, number: int) -> Path:
    return run_directory / "versions" / f"{number}.json"


def save_version(run_directory: Path, compiled: Compiled, epoch_unix_s: float) -> Path:
    """Write the version that `compiled` is, before it is adopted."""
    number = compiled.edge.version
    version = Version(
        number=number,
        digest=compiled.edge.digest,
        plan=canonical_json(compiled.plan),
        holders=[Holder(grant.name, grant.tenant, grant.workload) for grant in compiled.grants],
        epoch_unix_s=epoch_unix_s,
        flows=compiled.capacities["flows"],
        events=compiled.capacities["events"],
        decisions=compiled.capacities["decisions"],
    )
    path = version_path(run_directory, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(version))
    part.replace(path)
    return path


def load_version(run_directory: Path, number: int, before: Names | None = None) -> tuple[Compiled, float]:
    """The tables of a version, and the run's epoch. Raises LedgerError where the file is missing or spoilt."""
    path = version_path(run_directory, number)
    try:
        version = msgspec.json.decode(path.read_bytes(), type=Version)
    except (OSError, msgspec.MsgspecError) as error:
        raise LedgerError(f"{path}: cannot read plan version {number} of this run ({error})") from error
    try:
        plan = load_canonical(version.plan)
    except ValueError as error:
        raise LedgerError(f"{path}: the plan of version {number} no longer reads ({error})") from error
    grants = tuple(Grant(holder.name, "", holder.tenant, holder.workload) for holder in version.holders)
    sizes = RingSizes(version.flows, version.events, version.decisions)
    return compile_plan(plan, version.digest, grants, before=before, sizes=sizes), version.epoch_unix_s
