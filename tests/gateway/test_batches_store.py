"""Batches and files at rest: each item waits or is done, each tenant sees its own, and nothing is to be read on the disk."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gateway.vaults import Safe

from roteiro.gateway import batches_store
from roteiro.gateway.batches_files import ERRORS, OUTPUT, Files
from roteiro.gateway.batches_reader import lines_of, read_items
from roteiro.gateway.batches_store import KEEP_S, Batch, Batches, Counts, Item, ItemState, Line
from roteiro.gateway.vault import Vault
from roteiro.terms.error import RequestError

CHAT = "/v1/chat/completions"
LINE = b'{"custom_id": "c%d", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "chat", "messages": []}}'


@pytest.fixture
def safe(tmp_path: Path) -> Safe:
    return Safe(tmp_path / "vault.sqlite")


def draft(dialect: str = "openai", tenant: str = "acme", input: str = "", **more: object) -> Batch:
    endpoint = CHAT if dialect == "openai" else "/v1/messages"
    return Batch(
        id="",
        dialect=dialect,
        tenant=tenant,
        key=f"{tenant}-1",
        workload="nightly",
        endpoint=endpoint,
        state="reading",
        input=input,
        **more,
    )  # type: ignore[arg-type]


def open_batch(vault: Vault, items: int = 3, **more: object) -> Batch:
    batches = Batches(vault)
    id = batches.create(draft(**more)).id  # type: ignore[arg-type]
    batches.add(id, 0, [Item(f"c{n}", b"a secret of acme %d" % n) for n in range(items)])
    batches.open(id)
    return batches.find(id)


def file(vault: Vault, content: bytes, tenant: str = "acme", pieces: int = 1) -> str:
    files = Files(vault)
    id = files.create(tenant, "in.jsonl", "batch")
    size = max(1, -(-len(content) // pieces))
    for n in range(pieces):
        files.append(id, tenant, n, content[n * size : (n + 1) * size])
    return files.complete(id, "in.jsonl").id


def test_items_wait_until_they_are_done_and_are_done_once(safe: Safe) -> None:
    with safe.vault() as vault:
        batches, batch = Batches(vault), open_batch(vault)
        assert [(n, item.custom_id, attempts) for n, item, attempts in batches.due(batch.id, 2)] == [(0, "c0", 0), (1, "c1", 0)]
        assert [n for n, _, _ in batches.due(batch.id, 9, without=[0, 2])] == [1]
        batches.finish(batch.id, [(0, Line(ItemState.SUCCEEDED, b"line 0\n"))])
        batches.finish(batch.id, [(0, Line(ItemState.ERRORED, b"again\n")), (1, Line(ItemState.ERRORED, b"line 1\n"))])
        batches.requeue(batch.id, 2, 60.0, 3)
        assert batches.due(batch.id, 9) == [] and [n for n, _ in batches.waiting(batch.id, 9)] == [2]
        safe.clock.now += 60
        assert [(n, attempts) for n, _, attempts in batches.due(batch.id, 9)] == [(2, 3)]
        assert batches.counts(batch.id) == Counts(waiting=1, succeeded=1, errored=1)
        assert batches.lines(batch.id, [ItemState.SUCCEEDED, ItemState.ERRORED]) == (b"line 0\nline 1\n", None)
        assert b"a secret of acme" not in safe.bytes() and b"line 0" not in safe.bytes()


def test_results_come_in_slices_in_the_order_of_the_requests(safe: Safe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_store, "SLICE_BYTES", 10)
    with safe.vault() as vault:
        batches, batch = Batches(vault), open_batch(vault, 7)
        for n in (6, 0, 3, 1, 5, 4, 2):
            batches.finish(batch.id, [(n, Line(ItemState.EXPIRED if n == 3 else ItemState.SUCCEEDED, b"line %d\n" % n))])
        batches.end(batch.id, "completed")
        got, at, slices = b"", -1, 0
        while at is not None:
            piece, at = batches.lines(batch.id, [ItemState.SUCCEEDED], at)
            got, slices = got + piece, slices + 1
        assert got == b"".join(b"line %d\n" % n for n in (0, 1, 2, 4, 5, 6)) and slices > 2
        output = Files(vault).of_batch(batch.id, "acme", OUTPUT)
        assert output == Files(vault).of_batch(batch.id, "acme", OUTPUT) is not None, "made once"
        found = Files(vault).find(output or "", "acme")
        assert (found.bytes, found.purpose, b"".join(Files(vault).slices(found))) == (len(got), "batch_output", got)
        errors = Files(vault).find(Files(vault).of_batch(batch.id, "acme", ERRORS) or "")
        assert b"".join(Files(vault).slices(errors)) == b"line 3\n"
        Files(vault).delete(found.id)
        assert Files(vault).of_batch(batch.id, "acme", OUTPUT) is None, "what was deleted does not come back"
        assert batches.counts(batch.id).succeeded == 6


def test_a_tenant_sees_its_own_and_no_other(safe: Safe) -> None:
    with safe.vault() as vault:
        batches = Batches(vault)
        ours, theirs = open_batch(vault), open_batch(vault, tenant="beta")
        source = file(vault, b"x")
        for find in (
            lambda: batches.find(theirs.id, "acme"),
            lambda: batches.find(ours.id, "acme", "anthropic"),
            lambda: Files(vault).find(source, "beta"),
        ):
            with pytest.raises(RequestError) as caught:
                find()
            assert caught.value.status == 404
        assert [batch.id for batch in batches.listed("acme", "openai", 9)[0]] == [ours.id]
        assert Files(vault).listed("beta", None, 9) == ([], False)
        with pytest.raises(RequestError):
            batches.listed("acme", "openai", 9, after=theirs.id)


def test_lists_have_pages_newest_first(safe: Safe) -> None:
    with safe.vault() as vault:
        batches, ids, sources = Batches(vault), [], []
        for _ in range(5):
            safe.clock.now += 1
            ids.insert(0, open_batch(vault).id)
            sources.insert(0, file(vault, b"x"))
        page, more = batches.listed("acme", "openai", 2)
        assert [batch.id for batch in page] == ids[:2] and more
        page, more = batches.listed("acme", "openai", 2, after=ids[1])
        assert [batch.id for batch in page] == ids[2:4] and more
        page, more = batches.listed("acme", "openai", 9, after=ids[3])
        assert [batch.id for batch in page] == ids[4:] and not more
        page, more = batches.listed("acme", "openai", 2, before=ids[3])
        assert [batch.id for batch in page] == ids[1:3] and more
        assert [found.id for found in Files(vault).listed("acme", "batch", 2, after=sources[0])[0]] == sources[1:3]
        assert Files(vault).listed("acme", "other", 2) == ([], False)


def test_a_batch_ends_by_name_and_is_deleted_then(safe: Safe) -> None:
    with safe.vault() as vault:
        batches, batch = Batches(vault), open_batch(vault)
        assert [active.id for active in batches.active()] == [batch.id] and batches.any_active()
        with pytest.raises(RequestError, match="cancel it first"):
            batches.delete(batch.id)
        batches.cancel(batch.id)
        assert batches.find(batch.id).state == "cancelling"
        batches.end(batch.id, "cancelled")
        batches.end(batch.id, "completed")
        ended = batches.find(batch.id)
        assert (ended.state, ended.fate, ended.cancelled, ended.ended) == ("ended", "cancelled", safe.clock.now, safe.clock.now)
        batches.cancel(batch.id)
        assert batches.find(batch.id) == ended and not batches.any_active()
        batches.delete(batch.id)
        with pytest.raises(RequestError):
            batches.find(batch.id)
        assert vault.connection.execute("SELECT count(*) FROM batch_items").fetchone() == (0,)


def test_what_is_past_its_time_goes_and_what_a_killed_reader_left(safe: Safe) -> None:
    with safe.vault() as vault:
        batches = Batches(vault)
        open_batch(vault)
        file(vault, b"x")
        batches.add(batches.create(draft()).id, 0, [Item("c", b"x")])
        Files(vault).append(Files(vault).create("acme", "half", "batch"), "acme", 0, b"x")
        safe.clock.now += 3601
        batches.sweep()
        assert [
            vault.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            for table in ("batches", "batch_items", "files", "file_parts")
        ] == [(1,), (3,), (1,), (1,)]
        safe.clock.now += KEEP_S
        batches.sweep()
        assert [
            vault.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            for table in ("batches", "batch_items", "files", "file_parts")
        ] == [(0,)] * 4


def test_a_tenant_has_so_much_room(safe: Safe, monkeypatch: pytest.MonkeyPatch) -> None:
    with safe.vault() as vault:
        files = Files(vault)
        id = files.create("acme", "in", "batch")
        monkeypatch.setattr(batches_store, "TENANT_BYTES", 100)
        files.append(id, "acme", 0, b"x" * 60)
        with pytest.raises(RequestError, match="delete some of yours") as caught:
            files.append(id, "acme", 1, b"x" * 60)
        assert caught.value.status == 413
        files.append(files.create("beta", "in", "batch"), "beta", 0, b"x" * 60)


# --- reading inputs


def read(vault: Vault, content: bytes, dialect: str = "openai", pieces: int = 1) -> Batch:
    batches = Batches(vault)
    id = batches.create(draft(dialect, input=file(vault, content, pieces=pieces))).id
    read_items(vault, id)
    return batches.find(id)


def test_an_input_file_is_read_into_items_in_their_order(safe: Safe) -> None:
    content = b"\n\n".join(LINE % n for n in range(1200))
    with safe.vault() as vault:
        batch = read(vault, content, pieces=7)
        assert (batch.state, batch.total) == ("open", 1200)
        items = Batches(vault).waiting(batch.id, 2000)
        assert [item.custom_id for _, item in items] == [f"c{n}" for n in range(1200)]
        assert items[0][1].body == b'{"model":"chat","messages":[]}'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file has no requests"),
        (b"\n \n", "the file has no requests"),
        (LINE % 1 + b"\n{", "line 2: it is not JSON"),
        (LINE % 1 + b"\n\n[1]", "line 3: it is no request"),
        (LINE % 1 + b"\n" + LINE % 1, "line 2: the custom_id was used before"),
        (
            (LINE % 1).replace(b"chat/completions", b"embeddings"),
            "line 1: `url` is '/v1/embeddings', and the batch is for /v1/chat/completions",
        ),
        ((LINE % 1).replace(b"POST", b"GET"), "line 1: `method` is 'GET'"),
        ((LINE % 1).replace(b'"messages"', b'"stream": true, "messages"'), "line 1: a batch has no streams"),
        (b'{"custom_id": "", "url": "/v1/chat/completions", "body": {}}', "line 1: `custom_id` must be"),
        (b'\xff{"custom_id"', "line 1: it is not JSON"),
    ],
)
def test_an_input_file_at_fault_ends_the_batch_and_says_where(safe: Safe, content: bytes, said: str) -> None:
    with safe.vault() as vault:
        batch = read(vault, content)
        assert (batch.state, batch.fate, batch.total) == ("ended", "failed", 0)
        assert said in batch.errors[0]["message"] and Batches(vault).waiting(batch.id, 9) == []


def test_a_body_of_messages_is_read_or_refused(safe: Safe) -> None:
    one = b'{"requests": [{"custom_id": "a", "params": {"model": "chat", "max_tokens": 3, "messages": []}}]}'
    with safe.vault() as vault:
        batch = read(vault, one, "anthropic", pieces=3)
        assert (batch.state, batch.total, batch.id[:9]) == ("open", 1, "msgbatch_")
        with pytest.raises(RequestError) as caught:
            read(vault, b'{"requests": []}', "anthropic")
        assert caught.value.status == 400


@given(st.lists(st.binary(max_size=9)), st.data())
def test_lines_do_not_depend_on_where_the_slices_are(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(pieces)
    expected = [(n, line) for n, line in enumerate(whole.split(b"\n"), 1) if line.strip()]
    assert list(lines_of(iter(pieces))) == expected
