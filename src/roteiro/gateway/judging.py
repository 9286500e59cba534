"""The judge where answers are looked at: it follows the plan in force, and is offered what was sampled for it.

What must not live here: what a judge is (`judge`), and which answers are sampled (`sampler`).
"""

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from roteiro.gateway.canaries_runner import CanariesSpec
from roteiro.gateway.examination import EdgeFile
from roteiro.gateway.inner_call import InnerPort
from roteiro.gateway.internal import read_secrets
from roteiro.gateway.judge import Judge, JudgeSpec, inner_judge
from roteiro.gateway.observing import Observes
from roteiro.gateway.quality_store import SeenVersions
from roteiro.gateway.sampler import Sample
from roteiro.quality import judging
from roteiro.quality.answered import Answered
from roteiro.quality.asked import Asked
from roteiro.quality.language import language_of

__all__ = ["Judging"]

log = logging.getLogger("roteiro.gateway")


class Judging:
    """`path` is the specification that the supervisor writes for what asks (`CanariesSpec`); it may come, change and go.

    `observes` makes what takes the judge's verdicts, for its thread alone.
    """

    def __init__(self, path: Path, secrets_fd: int, edge: EdgeFile, observes: Callable[[], Observes]) -> None:
        self._path, self._secrets_fd, self._edge, self._observes = path, secrets_fd, edge, observes
        self._seen = (0, 0)
        self._by: JudgeSpec | None = None
        self._judge: Judge | None = None

    def follow(self) -> None:
        """Goes by the specification as it is now."""
        try:
            found = self._path.stat()
            if (found.st_ino, found.st_mtime_ns) == self._seen:
                return
            self._seen = found.st_ino, found.st_mtime_ns
            spec = msgspec.json.decode(self._path.read_bytes(), type=CanariesSpec)
        except OSError:
            return  # no plan of this run has had a judge yet
        except msgspec.MsgspecError as error:
            log.error("%s cannot be read, and the judge stays as it was: %s", self._path, error)
            return
        if spec.judge == self._by:
            return
        self.stop()
        self._by = spec.judge
        if spec.judge is not None:
            port = InnerPort(spec.host, spec.port, read_secrets(self._secrets_fd).token, spec.certificate)
            self._judge = inner_judge(spec.judge, port, self._observes(), lambda: list(self._edge.targets), SeenVersions(Path(spec.store)))
            self._judge.start()

    def offer(self, sample: Sample, target: int, asked: Asked, answered: Answered) -> None:
        """An answer that was sampled for the judge. What the server asks in its own name is not judged."""
        edge = self._edge.edge
        if self._judge is None or edge.tenants[edge.key_tenants[sample.key]].name in edge.own or not answered.text:
            return
        self._judge.offer(
            judging.Sample(
                question=asked.question if not asked.system else f"{asked.system}\n\n{asked.question}", answer=answered.text, target=target,
                route=sample.route, workload=sample.workload, key=sample.key, request=sample.request, language=language_of(asked.question),
            )
        )  # fmt: skip

    def stop(self) -> None:
        """What waits is given up."""
        judge, self._judge = self._judge, None
        if judge is not None:
            judge.stop()
