"""Calls at servers, counted in shared memory: each worker its own, all of them seen by all."""

from contextlib import closing

from roteiro.gateway.replica_counts import MOST_SLOTS, ReplicaCounts, WorkerCounts


def test_workers_see_each_other_s_calls_and_a_dead_one_has_none() -> None:
    with closing(ReplicaCounts(3)) as counts:
        one, two = WorkerCounts(counts.fd, 0), WorkerCounts(counts.fd, 2)
        one.enter(7)
        two.enter(7)
        two.enter(MOST_SLOTS - 1)
        assert one.total(7) == two.total(7) == counts.total(7) == 2
        assert one.total(8) == 0 and one.total(MOST_SLOTS - 1) == 1
        two.leave(7)
        assert counts.total(7) == 1
        counts.away(0)
        assert counts.total(7) == 0 and counts.total(MOST_SLOTS - 1) == 1


def test_a_server_has_left_once_all_go_by_the_newer_edge_and_its_calls_are_over() -> None:
    with closing(ReplicaCounts(2)) as counts:
        workers = [WorkerCounts(counts.fd, worker) for worker in range(2)]
        workers[0].enter(3)
        workers[0].adopted(5)
        assert not counts.left(3, 5)
        workers[1].adopted(5)
        assert not counts.left(3, 5), "a call is with it"
        workers[0].leave(3)
        assert counts.left(3, 5) and not counts.left(3, 6)
        counts.away(1)
        assert not counts.left(3, 5), "who takes the dead worker's place may have read the older edge"
