"""What the two ends of a request need of a compiled plan: names to indices, and where targets are.

Plain data, so that a worker process reads it from one small file and never imports the plan's reader.
What must not live here: secrets. `key_env` names an environment variable; the value stays in the environment.
"""

from msgspec import Struct

__all__ = ["Edge", "EdgeHours", "EdgeObserve", "EdgeReplica", "EdgeRoute", "EdgeTarget", "EdgeTenant", "Names"]


class Names(Struct, frozen=True, kw_only=True):
    """Index → name, for every table of the state. The ledger decodes with it; positions are stable within a run."""

    targets: list[str]
    routes: list[str]
    tenants: list[str]
    workloads: list[str]
    keys: list[str]
    tiers: list[str]
    regions: list[str]
    limits: list[str]
    budgets: list[str]
    rules: list[str]
    plans: list[str]
    """Digest of each plan version of the run."""
    objectives: list[str] = []
    """Names of the objectives that are watched."""


class EdgeReplica(Struct, frozen=True, kw_only=True):
    """One server of a target with several."""

    slot: int
    """Where its calls are counted; no other has it until this one has ended."""
    base_url: str


class EdgeTarget(Struct, frozen=True, kw_only=True):
    """One provider target, as the caller of it needs to know it. Times in seconds."""

    name: str
    base_url: str
    model: str
    """The name the provider knows the model by."""
    dialect: str = "openai"
    key_env: str | None = None
    connect_s: float = 5.0
    first_token_s: float = 30.0
    idle_s: float = 30.0
    attempt_s: float = 120.0
    connections: int = 256
    key_envs: list[str] = []
    """Environment variables of all credentials, in the order of their indices; `key_env` is the first."""
    kind: str = "chat"
    """`chat` or `embedding`."""
    assistant_prefix: bool = True
    """Whether the provider goes on from the beginning of an answer."""
    max_output_tokens: int | None = None
    context_tokens: int | None = None
    replicas: list[EdgeReplica] = []
    """Servers that the gateway runs itself, of those that serve now; `base_url` is the first one's."""


class EdgeRoute(Struct, frozen=True, kw_only=True):
    """What a worker needs of one logical model, beside what the state block has. Times in seconds."""

    name: str
    rescue: bool = False
    """Broken streams go on elsewhere, so what the client got is remembered."""
    hedge: bool = False
    on_disconnect: str = "cancel"
    """`cancel`, `drain` or `drain_until`: what becomes of the provider's call when the client leaves."""
    drain_s: float = 0.0
    """Of `drain_until`."""
    tiers: bool = False
    """Its requests' complexity is looked at."""
    cache: bool = False
    """The exact cache serves it."""
    cache_ttl_s: float = 0.0
    semantic: bool = False
    semantic_threshold: float = 0.0
    semantic_ttl_s: float = 0.0
    coalesce_s: float = 0.0
    """Embeddings: how long a request may wait for others to share a call; 0 sends each alone."""
    coalesce_most: int = 1
    """Texts of one call at most."""
    embedding_ttl_s: float = 0.0
    """How long an embedding is kept; 0 keeps none."""
    kind: str = "chat"


class EdgeHours(Struct, frozen=True, kw_only=True):
    """Hours of the day: from and to in seconds since midnight of the zone; past midnight where `from_s` is the later."""

    from_s: float
    to_s: float
    timezone: str = "UTC"


class EdgeObserve(Struct, frozen=True, kw_only=True):
    """Which answers are looked at, by the request's number, and for what. Shares 0..1; routes and workloads by index."""

    share: float = 0.0
    routes: dict[int, float] = {}
    """Of a route, in place of `share`."""
    workloads: dict[int, float] = {}
    """Of a workload, before its route's."""
    judge: float = 0.0
    """Of the answers that a judge is asked about."""
    most_bytes: int = 0
    """Of request and answer together."""
    signals: list[int] = []
    """Codes of `Signal`."""
    least_claims: int = 1

    def share_of(self, route: int, workload: int) -> float:
        """Share of the answers on a route, of a workload, that signals are taken of."""
        return self.workloads.get(workload, self.routes.get(route, self.share))

    @property
    def any(self) -> bool:
        """Whether any answer is looked at."""
        return max((self.share, self.judge, *self.routes.values(), *self.workloads.values())) > 0.0


class EdgeTenant(Struct, frozen=True, kw_only=True):
    """What one tenant may ask for. Indices of routes and workloads; None allows all."""

    name: str
    models: list[int] | None = None
    workloads: list[int] | None = None


class Edge(Struct, frozen=True, kw_only=True):
    """What a gateway worker knows of the plan beside the state block."""

    digest: str
    version: int
    targets: list[EdgeTarget]
    serial: int = 0
    """Grows with each edge of a run, where its servers changed too."""
    models: dict[str, int]
    """Logical model → route."""
    workloads: dict[str, int]
    keys: dict[str, int]
    """SHA-256 of a key, hexadecimal → key index."""
    tenants: list[EdgeTenant]
    key_tenants: list[int]
    """Tenant of each key index."""
    default_models: list[int | None]
    """Per workload: the route of requests that ask for `default` or name no model."""
    limits: list[str] = []
    """Each limit in words, for whoever runs into it."""
    retired: list[str] = []
    """Targets that an adopted plan no longer has; their indices stay taken for the requests in flight."""
    body_bytes: int = 32 * 1024 * 1024
    routes: list[EdgeRoute] = []
    """By index of the route."""
    dead_letters: list[bool] = []
    """Per workload: whether requests that failed for good are kept."""
    dead_letter_s: float = 7 * 86400.0
    """How long they are kept."""
    idempotency_s: float = 86400.0
    """How long an answer is kept for the Idempotency-Key of its request; 0 ignores the header."""
    cache_bytes: int = 0
    """Room for cached answers and embeddings; 0 keeps none."""
    batch_hours: list[list[EdgeHours]] = []
    """Per workload: when queued batch items run; at any time where the list is empty."""
    batch_workloads: list[int] = []
    """Workloads of priority batch, which items of batches run as."""
    budgets: list[str] = []
    """Each budget in words, by index."""
    output_tokens: int = 256
    """Assumed length of an answer whose request sets no maximum, for the reservation."""
    regions: list[str] = []
    """Name of each region, by index: a gateway tells the journey where it is."""
    observe: EdgeObserve = EdgeObserve()
    feedback_s: float = 0.0
    """How long after a request its user may say what the answer was worth; 0 takes no feedback."""
    own: list[str] = []
    """Tenants that the server itself is, so that it may call on behalf of their keys `tenant:NAME`."""
    pinned: dict[str, int] = {}
    """Models that only those may ask for → route: each goes to one target and nowhere else."""
    key_names: list[str] = []
    """Name of each key index: a call on behalf of a key names it, and what failed for good says whose it was."""
