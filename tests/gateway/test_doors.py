"""Doors: each worker has one, all get their share, and none is left waiting where nobody is."""

import os
import socket
from contextlib import ExitStack, closing

import pytest

from roteiro.gateway import doors as module
from roteiro.gateway.doors import Doors, listen_on
from roteiro.terms.error import SettingsError

COUNT = 400


def knocks(doors: Doors, workers: int, count: int = COUNT) -> list[int]:
    """How many of so many connections came to each worker's door."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(("127.0.0.1", doors.port), timeout=20))
        found = []
        for worker in range(workers):
            with socket.socket(fileno=os.dup(doors.fd(worker))) as listener:
                listener.setblocking(False)
                found.append(0)
                while True:
                    try:
                        listener.accept()[0].close()
                    except BlockingIOError:
                        break
                    found[-1] += 1
        return found


@pytest.mark.parametrize("workers", [2, 4])
def test_connections_are_spread_over_the_workers(workers: int) -> None:
    with closing(Doors.open("127.0.0.1", 0, workers)) as doors:
        if not doors.apart:
            pytest.skip("no SO_REUSEPORT here")
        doors.man(range(workers))
        found = knocks(doors, workers)
    assert sum(found) == COUNT
    assert min(found) > COUNT / workers / 2, "further from its share than one in ten million draws is"


def test_no_new_connection_waits_for_a_worker_that_is_gone() -> None:
    with closing(Doors.open("127.0.0.1", 0, 3)) as doors:
        doors.man([0, 1, 2])
        doors.man([0, 2])
        if not doors._steers:
            pytest.skip("this system does not steer connections")
        first, gone, last = knocks(doors, 3)
        assert (gone, first + last) == (0, COUNT) and first and last
        doors.man([])  # nobody at all: they wait for whoever comes first
        assert knocks(doors, 3)[1] == 0
        doors.man([1])
        assert knocks(doors, 3) == [0, COUNT, 0]


def test_what_waits_at_a_door_is_there_for_the_next_worker() -> None:
    with closing(Doors.open("127.0.0.1", 0, 2)) as doors:
        if not doors.apart:
            pytest.skip("no SO_REUSEPORT here")
        doors.man([1])
        with socket.create_connection(("127.0.0.1", doors.port), timeout=20):
            doors.man([0])
            with socket.socket(fileno=os.dup(doors.fd(1))) as of_the_next:
                of_the_next.setblocking(True)
                of_the_next.accept()[0].close()


def test_where_the_system_does_not_steer_it_serves_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(92, "Protocol not available")

    monkeypatch.setattr(module, "steer", refused)
    with closing(Doors.open("127.0.0.1", 0, 2)) as doors:
        doors.man([0])
        doors.man([1])
        assert sum(knocks(doors, 2, 50)) == 50


@pytest.mark.parametrize(("workers", "apart"), [(1, True), (3, False)])
def test_one_door_for_all(workers: int, apart: bool) -> None:
    with closing(Doors.open("127.0.0.1", 0, workers, apart=apart)) as doors:
        doors.man(range(workers))
        assert not doors.apart and len({doors.fd(worker) for worker in range(workers)}) == 1


def test_a_port_in_use_is_told_with_a_remedy() -> None:
    with closing(listen_on("127.0.0.1", 0, "--port")) as first:
        port = first.getsockname()[1]
        with pytest.raises(
            SettingsError, match=rf"cannot listen on 127.0.0.1:{port}: Address already in use; choose another port with --admin-port"
        ):
            listen_on("127.0.0.1", port, "--admin-port")
        assert os.get_inheritable(first.fileno()) is False


def test_another_server_does_not_share_the_port_in_silence() -> None:
    with closing(Doors.open("127.0.0.1", 0, 2)) as doors, pytest.raises(SettingsError, match="Address already in use"):
        Doors.open("127.0.0.1", doors.port, 2)


def test_an_address_that_is_not_ours_is_told() -> None:
    """The address is of those that documentation may use (RFC 5737), and so nobody's."""
    with pytest.raises(SettingsError, match=r"cannot listen on 203\.0\.113\.7:0: Cannot assign requested address"):
        listen_on("203.0.113.7", 0, "--port")


def test_ipv6_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listen_on("::1", 0, "--port").close()
    except SettingsError as error:
        pytest.skip(str(error))
