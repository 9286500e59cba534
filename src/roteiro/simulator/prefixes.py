"""What a target has of a prompt's beginning in its cache: blocks that it saw not long ago. Compiled into the loop.

A block stays for the target's time to live after its last use, as vendors' caches of prompts do; a prompt hits the unbroken run of blocks
that it begins with. What must not live here: which prefixes there are (`groups`), and what cached tokens cost.
"""

from roteiro.policy.kernel import kernel
from roteiro.simulator.records import block_at, loop_of, use_at

__all__ = ["cached_tokens"]


@kernel
def cached_tokens(world: int, t: int, first: int, count: int, ttl_s: float, now: float) -> int:
    """Tokens of the chain of `count` blocks from `first` on that target `t` has at `now`; all of the chain counts as used then."""
    known = loop_of(world).known_blocks
    found, unbroken = 0, ttl_s > 0.0
    for k in range(first, first + count):
        block = block_at(world, k)
        use = use_at(world, t * known + block.what)
        if unbroken and now - use.at <= ttl_s:
            found += block.tokens
        else:
            unbroken = False
        use.at = now
    return found
