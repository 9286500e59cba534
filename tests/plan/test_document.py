"""YAML text becomes nodes with places, or problems with places; never an exception."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roteiro.plan.document import Entry, Mapping, Node, Scalar, Sequence, entries, merge, parse_document
from roteiro.terms.problem import Where


def data(node: Node | None) -> object:
    """Plain data of a node."""
    if isinstance(node, Mapping):
        return {key: data(entry.node) for key, entry in entries(node).items()}
    return [data(item) for item in node.items] if isinstance(node, Sequence) else node.value if node else None


def test_values_are_those_of_the_core_schema() -> None:
    node, problems = parse_document(
        "a: 1\nb: 1.5\nc: '1'\nd: yes\ne: true\nf: ~\ng: .inf\nh: 2026-01-31\ni: 12:30\nj: !!str 5\nk: 1e3\nl: " + "9" * 50, "p.yaml"
    )
    assert not problems
    assert data(node) == {
        "a": 1, "b": 1.5, "c": "1", "d": "yes", "e": True, "f": None, "g": ".inf", "h": "2026-01-31", "i": "12:30", "j": "5", "k": 1000.0,
        "l": "9" * 50,
    }  # fmt: skip


def test_places_are_kept() -> None:
    node, _ = parse_document('a:\n  - {b: "text"}\n', "p.yaml")
    assert isinstance(node, Mapping)
    listed = node.entries["a"].node
    assert isinstance(listed, Sequence)
    inner = listed.items[0]
    assert isinstance(inner, Mapping)
    entry = inner.entries["b"]
    assert entry.where == Where("p.yaml", 2, 6)
    assert isinstance(entry.node, Scalar)
    assert entry.node.where == Where("p.yaml", 2, 9)
    assert entry.node.inside == Where("p.yaml", 2, 10)


def test_columns_inside_a_text_with_escapes_are_not_guessed() -> None:
    node, _ = parse_document('a: "t\\u00e9xt"\n', "p.yaml")
    assert isinstance(node, Mapping)
    scalar = node.entries["a"].node
    assert isinstance(scalar, Scalar)
    assert (scalar.value, scalar.inside) == ("téxt", None)


def test_anchors_and_merges() -> None:
    node, problems = parse_document("base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}\nlist: [*b, *b]\n", "p.yaml")
    assert not problems
    assert data(node) == {"base": {"x": 1, "y": 2}, "more": {"x": 1, "y": 3}, "list": [{"x": 1, "y": 2}] * 2}


BILLION_LAUGHS = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 10) + "]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("source", "code", "line", "column"),
    [
        (b"a: 1\nb: \xff\n", "E002", 2, 4),
        ("a: 'é'\nb: 'é\xff".encode("latin-1"), "E002", 1, 5),
        ("a: [1, 2\nb: 3", "E003", 2, 2),
        ("a: b: c", "E003", 1, 5),
        ("a: \x00", "E003", 1, 4),
        ('a: "\\U00FFFFFF"', "E003", 1, 1),
        ("a:\n\tb: 1", "E004", 2, 1),
        ("a: 1\nb: 2\na: 3", "E007", 3, 1),
        ("x" * 600_000, "E008", 1, 1),
        ("[" * 33, "E009", 1, 33),
        ("a: &a [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\nb: [[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]", "E009", 2, 19),
        (BILLION_LAUGHS, "E010", 5, 5),
        ("a: *nobody", "E011", 1, 4),
        ("a: &a [*a]", "E011", 1, 8),
        ("a: 1\n---\nb: 2", "E014", 2, 1),
        ("{[1]: 2}", "E015", 1, 2),
        ("? \n: 2", "E015", 1, 2),
        ("a: !!python/object:os.system x", "E016", 1, 4),
        ("a: {<<: 3}", "E003", 1, 9),
    ],
)
def test_what_is_refused_and_where(source: str | bytes, code: str, line: int, column: int) -> None:
    _, problems = parse_document(source, "p.yaml")
    assert problems
    assert (problems[0].code, problems[0].where.line, problems[0].where.column) == (code, line, column), str(problems[0])
    assert problems[0].remedy


def test_problems_of_one_file_are_bounded() -> None:
    _, problems = parse_document("a: 1\n" * 5000, "p.yaml")
    assert len(problems) == 200


def test_merging_follows_json_merge_patch() -> None:
    base, _ = parse_document("a: {x: 1, y: 2}\nb: [1, 2]\nc: 3\n", "base.yaml")
    over, _ = parse_document("a: {y: 5, z: 6}\nb: [9]\nc: ~\nd: 4\n", "over.yaml")
    assert base is not None
    assert over is not None
    merged = merge(base, over)
    assert data(merged) == {"a": {"x": 1, "y": 5, "z": 6}, "b": [9], "d": 4}
    assert isinstance(merged, Mapping)
    assert merged.entries["b"].node.where.file == "over.yaml"
    inner = merged.entries["a"].node
    assert isinstance(inner, Mapping)
    assert {key: entry.where.file for key, entry in inner.entries.items()} == {"x": "base.yaml", "y": "over.yaml", "z": "over.yaml"}


keys = st.sampled_from("abcd")
trees = st.recursive(st.integers(0, 9), lambda inner: st.dictionaries(keys, inner, max_size=4), max_leaves=12)


def node_of(tree: object) -> Node:
    where = Where("p.yaml")
    if isinstance(tree, dict):
        return Mapping({key: Entry(where, node_of(value)) for key, value in tree.items()}, where)
    assert isinstance(tree, int)
    return Scalar(tree, where)


@given(trees, trees, trees)
def test_law_merging_is_associative_and_idempotent(a: object, b: object, c: object) -> None:
    # Without nulls: what removes is not associative, in RFC 7396 either. Nor is a value between two mappings, which hides the first.
    x, y, z = node_of(a), node_of(b), node_of(c)
    assert data(merge(x, x)) == data(x)
    if not (isinstance(x, Mapping) and isinstance(z, Mapping)) or isinstance(y, Mapping):
        left, right = merge(merge(x, y), z), merge(x, merge(y, z))
        if all_mappings_agree(a, b, c):
            assert data(left) == data(right)


def all_mappings_agree(*trees: object) -> bool:
    """Whether every key is a mapping in all of the trees that have it, or in none."""
    if not all(isinstance(tree, dict) for tree in trees):
        return not any(isinstance(tree, dict) for tree in trees)
    keys = {key for tree in trees if isinstance(tree, dict) for key in tree}
    return all(all_mappings_agree(*(tree[key] for tree in trees if isinstance(tree, dict) and key in tree)) for key in keys)


pieces = st.sampled_from(
    [*"abc:,-[]{}&*!|>'\"%@`#?~<\n \t", "\n  ", ": ", "- ", "&a ", "*a", "<<: ", "---\n", "!!int ", "\\x", "é", "\x00", "\ud800"]
)


@given(st.one_of(st.text(max_size=80), st.binary(max_size=80), st.lists(pieces, max_size=40).map("".join)))
def test_law_any_text_gives_a_node_or_problems(source: str | bytes) -> None:
    _, problems = parse_document(source, "p.yaml")
    for problem in problems:
        assert problem.where.line >= 1
        assert problem.where.column >= 1
        assert "\n" not in str(problem)
