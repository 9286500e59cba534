"""Journeys as playbooks: `>>` what happens, `<<` what must be commanded. Times in seconds; every line names the request by a letter.

    >> 0.0 A arrives from acme for chat
    << send primary (weighted)
    >> 0.4 A fails: server 500
    << wait 0.1 (backoff)
    >> 0.5 A again
    << send primary (retry)
    >> 1.5 A ends with 100 in, 40 out
    << done

`u=0.2` at the end of a `>>` line is its random draw (0.5 where nothing is said); `@2` is the worker; `lane=1` says it of the hedge. `>> 3.0 tick` tends the
fleet, `>> 3.0 wake` asks who may go: the answer names its flow, `<< B send primary (…)`, or `<< nobody`. `>> 0.9 A is late` asks for a hedge. A stream that broke
and could go on `fails after 12 tokens: connection 0`. `send primary#1` uses the target's second credential. A `==` line states a fact: `== primary is open`,
`== acme.daily has spent $0.0045`, `== event rescues 1`: a column of the last event. `>> 9.0 own has 3 replicas after 30 s` tells capacity and
how long the last took, `>> 9.0 forecast for own is 3 replicas` a floor;
`== own wants 4 replicas`, `== noted scaled_up of own: 900 against 500, now 4`.
"""

import re

from tests.journey.world import Answer, World

from roteiro.policy.state import NONE
from roteiro.terms.codes import BreakerState, CacheKind, Command, Complexity, ErrorClass, Outcome, Reason, Step
from roteiro.terms.units import parse_money

ARRIVES = re.compile(
    r"arrives from (\w+)(?: for ([\w.-]+))?(?: as (\w+))?(?: with (\d+) in, (\d+) out)?( streaming)?"
    r"(?: answered from cache (\w+))?(?: looking (\w+))?(?: in (\w+))?"
)
FAILS = re.compile(r"fails(?: after bytes| after (\d+) tokens)?: (\w+)(?: (\d{3}))?(?: retry-after ([\d.]+)s)?")
USES = re.compile(r"(\d+) in, (\d+) out")


def play(yaml: str, script: str) -> World:
    """Run the playbook; the first line that differs fails the test, with what was commanded instead."""
    world = World(yaml)
    flows: dict[str, int] = {}
    said: list[str] = []
    for number, line in enumerate((line.strip() for line in script.strip().splitlines()), 1):
        if not line or line.startswith("#"):
            continue
        mark, text = line[:2], line[2:].strip()
        if mark == ">>":
            assert not said or said == ["nothing"], f"line {number}: {said} was commanded and not expected"
            said = [tell(world, flows, text)]
            world.check()
        elif mark == "<<":
            got = said.pop(0) if said else "nothing"
            assert matches(text, got), f"line {number}: expected {text!r}, got {got!r}"
        elif mark == "==":
            fact(world, text)
        else:
            raise AssertionError(f"line {number}: {line!r} is no line of a playbook")
    assert not said or said == ["nothing"], f"{said} was commanded and not expected"
    return world


def matches(expected: str, got: str) -> bool:
    return expected == got or ("(" not in expected and expected == got.partition(" (")[0])


def tell(world: World, flows: dict[str, int], text: str) -> str:
    u = 0.5
    if found := re.search(r" u=([\d.]+)", text):
        u, text = float(found[1]), text.replace(found[0], "")
    worker = 0
    if found := re.search(r" @(\d+)", text):
        worker, text = int(found[1]), text.replace(found[0], "")
    lane = 0
    if found := re.search(r" lane=([01])", text):
        lane, text = int(found[1]), text.replace(found[0], "")
    time, _, what = text.partition(" ")
    timing = {"now": float(time), "u": u, "worker": worker}
    if what == "tick":
        world.step(Step.TEND, **timing)
        return "nothing"
    if what == "wake":
        answer = world.step(Step.WAKE, **timing)
        name = next((name for name, flow in flows.items() if flow == answer.flow), "nobody")
        return name if answer.flow == NONE else f"{name} {command(world, answer)}"
    if found := re.match(r"worker (\d+) dies", what):
        return f"{world.step(Step.REAP, args=(int(found[1]),), **timing).argument:.0f} settled"
    if found := re.match(r"(\w+) has (\d+) replicas(?: after (\d+) s)?", what):
        world.step(Step.CAPACITY, args=(world.names.targets.index(found[1]), int(found[2]), 0, 1000 * int(found[3] or 0)), **timing)
        return "nothing"
    if found := re.match(r"forecast for (\w+) is (\d+) replicas", what):
        world.step(Step.CAPACITY, args=(world.names.targets.index(found[1]), int(found[2]), 1), **timing)
        return "nothing"
    name, _, what = what.partition(" ")
    if found := ARRIVES.match(what):
        tenant, model, workload, tokens_in, tokens_out, stream, cache, complexity, region = found.groups()
        tokens = (int(tokens_in), int(tokens_out)) if tokens_in else (100, 50)
        hit, tier = CacheKind[(cache or "none").upper()], Complexity[(complexity or "unknown").upper()]
        answer = world.begin(tenant, model or "auto", tokens, workload, bool(stream), hit, tier, region=region, **timing)
        flows[name] = answer.flow
        return command(world, answer)
    flow = flows[name]
    if found := FAILS.match(what):
        retry_after = round(float(found[4]) * 1000) if found[4] else -1
        relayed, rescue = int(found[1] or ("after bytes" in what)), 2 if found[1] else 0
        answer = world.fail(flow, ErrorClass[found[2].upper()], retry_after, int(found[3] or 500), relayed, lane | rescue, **timing)
    elif what.startswith("is late"):
        answer = world.step(Step.HEDGE, flow, **timing)
    elif what.startswith("again"):
        answer = world.step(Step.AGAIN, flow, **timing)
    elif what.startswith("first byte"):
        world.step(Step.FIRST_BYTE, flow, args=(lane,), **timing)
        return "nothing"
    else:
        used = USES.search(what)
        tokens = (int(used[1]), int(used[2])) if used else (100, 50)
        if what.startswith("ends"):
            answer = world.end(flow, tokens, lane, **timing)
        elif what.startswith("leaves"):
            answer = world.step(Step.GONE, flow, args=(*((tokens[0], 0, tokens[1]) if used else (0, 0, 0)), 0, 1), **timing)
        else:
            raise AssertionError(f"{what!r} is nothing that happens in a playbook")
    return command(world, answer)


def command(world: World, answer: Answer) -> str:
    reason = answer.reason.name.lower()
    match answer.command:
        case Command.SEND | Command.RESCUE:
            credential, target = divmod(int(answer.argument), 65_536)
            return f"{answer.command.name.lower()} {world.names.targets[target]}{f'#{credential}' if credential else ''} ({reason})"
        case Command.WAIT:
            return f"wait {answer.argument - world.now:.3g} ({reason})"
        case Command.QUEUE:
            return f"queue until {answer.argument:.3g} ({reason})"
        case Command.REJECT:
            return f"reject {int(world.events()[-1]['status'])} ({reason})"
        case Command.DONE:
            return "done" if answer.reason == 0 else f"done ({reason})"
        case _:
            return "nothing"


def fact(world: World, text: str) -> None:
    if found := re.fullmatch(r"(\w+) is (open|closed|half_open)", text):
        assert world.breaker(found[1])["state"] == BreakerState[found[2].upper()], (
            f"{found[1]} is {BreakerState(int(world.breaker(found[1])['state'])).name}"
        )
    elif found := re.fullmatch(r"([\w/]+) has (spent|reserved) (\S+)", text):
        assert world.budget(found[1])[f"{found[2]}_nusd"] == parse_money(found[3]), (
            f"{found[1]} has {found[2]} {world.budget(found[1])[f'{found[2]}_nusd']}"
        )
    elif found := re.fullmatch(r"event (\w+) (-?\w+)", text):
        told = world.events()[-1][found[1]]
        assert str(told) == found[2], f"{found[1]} of the last event is {told}"
    elif found := re.fullmatch(r"(\w+) wants (\d+) replicas", text):
        pool = next(row for row in world.state.pools if row["target"] == world.names.targets.index(found[1]))
        assert pool["wanted"] == int(found[2]), f"{found[1]} wants {pool['wanted']}"
    elif found := re.fullmatch(r"noted (\w+) of (\w+): (\S+) against (\S+), now (\d+)", text):
        row = world.decisions()[world.decisions()["reason"] == Reason[found[1].upper()]][-1]
        told = (world.names.targets[row["target"]], float(row["x"]), float(row["y"]), int(row["argument"]))
        assert told == (found[2], float(found[3]), float(found[4]), int(found[5])), told
    elif found := re.fullmatch(r"outcomes (.+)", text):
        assert " ".join(Outcome(int(event["outcome"])).name.lower() for event in world.events()) == found[1]
    else:
        raise AssertionError(f"{text!r} is no fact of a playbook")
