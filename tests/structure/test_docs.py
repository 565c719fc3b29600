"""What the documents say must be so: names, paths, codes, variables, pictures; both ways round."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

ROOT = Path(settings.ROOT)
SOURCES = ("platform", "tenants", "connectors", "billing")
README = ROOT / "README.md"
DOCUMENTS = [
    README,
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "deploy").glob("*.md")),
]


def sources(*folders: str) -> Iterator[Path]:
    """Python files of the product in these folders: no tests, no simulators."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not {"tests", "simulator", "simulation", "testing"} & set(path.parts):
                yield path


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(read(path))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


# ------------------------------------------------------------------ environment variables

NAMED = re.compile(r"\bCROSSDOCK_[A-Z_]*[A-Z]\b")
READ = re.compile(r"environ(?:\.get\(|\[)\s*\"([A-Z][A-Z_]+)\"|(?:flag|listed)\(\"([A-Z][A-Z_]+)\"")
NOT_OURS_TO_SET = {"DJANGO_SETTINGS_MODULE"}
"""Set by our own entry points, never by an operator."""


def variables() -> set[str]:
    """Every environment variable the product reads or names."""
    found = {"DATABASE_URL", "REDIS_URL"}
    for path in [ROOT / "manage.py", *sources(*SOURCES)]:
        text = read(path)
        found |= set(NAMED.findall(text)) | {a or b for a, b in READ.findall(text)}
    return found - NOT_OURS_TO_SET


def test_every_environment_variable_has_a_row_in_operations() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", read(ROOT / "docs/operations.md"), re.M))
    assert "CROSSDOCK_HOME" in variables(), "the search itself is broken"
    assert documented == variables()


# ------------------------------------------------------------------ commands


def verbs() -> set[str]:
    """What `manage.py` itself decides: the cases of `hub.runtime.commands.run`."""
    cases = ast.walk(tree(ROOT / "platform/hub/runtime/commands.py"))
    return {
        node.value.value
        for node in cases
        if isinstance(node, ast.MatchValue)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def commands() -> set[str]:
    """Management commands of ours."""
    return {
        path.stem
        for path in sources(*SOURCES)
        if path.parent.name == "commands" and path.stem != "__init__"
    }


def test_every_command_is_in_the_readme() -> None:
    told = set(re.findall(r"python3 manage\.py (\w+)", read(README)))
    assert {"demo", "test", "up", "lint"} <= verbs()
    assert {"apply", "suspend"} <= commands()
    assert (verbs() | commands()) - told == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_document_speaks_of_a_command_that_is_not_there(document: Path) -> None:
    named = set(re.findall(r"\bmanage\.py ([a-z_]+)", read(document)))
    assert named - verbs() - set(get_commands()) == set()


def test_the_gate_runs_what_the_readme_names() -> None:
    gate = read(ROOT / ".ci/run")
    for command in ("python3 manage.py lint", "python3 manage.py test"):
        assert command in gate and command in read(README)


# ------------------------------------------------------------------ paths and links

INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[([^\]\n]*)\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(
    r"(?:platform|tenants|connectors|billing|tests|docs|deploy|templates|static|\.ci)/[\w./-]*"
)


def paths_in(document: Path) -> set[str]:
    """Repository paths in inline code, and in nothing else: prose may say and/or."""
    text = FENCED.sub("", read(document))
    return {code for code in INLINE.findall(text) if PATH.fullmatch(code)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_path_a_document_names_is_there(document: Path) -> None:
    assert {path for path in paths_in(document) if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_within_the_repository_resolves(document: Path) -> None:
    targets = {target.partition("#")[0] for _, target in LINK.findall(read(document))}
    inside = {t for t in targets if t and not re.match(r"[a-z]+:", t)}
    assert {t for t in inside if not (document.parent / t).resolve().exists()} == set()


def test_the_readme_leads_to_every_manual() -> None:
    linked = {target for _, target in LINK.findall(read(README))}
    manuals = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert manuals - linked == set()


def test_files_of_the_path_named_in_the_architecture_are_in_its_folder() -> None:
    """Its file names without a folder mean `platform/hub/sync/`; so do those of the README."""
    bare = re.compile(r"\b([a-z_]+\.py)\b")
    fences = "\n".join(FENCED.findall(read(README)))
    named = {
        code
        for code in INLINE.findall(read(ROOT / "docs/architecture.md"))
        if bare.fullmatch(code) and code != "manage.py"
    } | {name for name in bare.findall(fences) if name != "manage.py"}
    assert "retry.py" in named
    assert {n for n in named if not (ROOT / "platform/hub/sync" / n).is_file()} == set()


def test_every_word_of_the_glossary_is_at_home_where_it_says() -> None:
    """Each link's text is defined in the file it leads to: `class X`, `def x` or `X =`."""
    rows = re.findall(
        r"^\| (?!word|---)(.+?) \|.*\| (.+) \|$", read(ROOT / "docs/glossary.md"), re.M
    )
    assert len(rows) > 40
    missing = [
        (word, name)
        for word, homes in rows
        for name, target in LINK.findall(homes) or [("", "")]
        if not name or not _defined(name, (ROOT / "docs" / target).resolve())
    ]
    assert missing == []


def _defined(name: str, path: Path) -> bool:
    pattern = rf"^\s*(?:class|def|async def) {name}\b|^{name}\b\s*[:=]"
    return path.is_file() and re.search(pattern, read(path), re.MULTILINE) is not None


# ------------------------------------------------------------------ the picture

BOX = re.compile(r"\b(\w+)\[\"([^\"]+)\"\]")
ARROW = re.compile(r"(\w+)(?:\[\"[^\"]+\"\])?\s*-->\s*(\w+)")


def picture() -> tuple[dict[str, str], set[tuple[str, str]]]:
    """(box → folder, arrows between boxes) of the README's picture."""
    drawn = re.search(r"^```mermaid\n(.*?)^```", read(README), re.MULTILINE | re.DOTALL)
    assert drawn, "the README has no picture"
    return dict(BOX.findall(drawn.group(1))), set(ARROW.findall(drawn.group(1)))


def imports(folder: str) -> set[str]:
    """Dotted names of everything the folder's files import."""
    found: set[str] = set()
    for path in sources(folder):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def leans_on(one: str, other: str) -> bool:
    """Whether a file in folder ``one`` imports from folder ``other``."""
    package = other.removeprefix("platform/").replace("/", ".") + "."
    return any(f"{name}.".startswith(package) for name in imports(one))


def test_every_box_of_the_picture_is_a_folder_and_there_are_few() -> None:
    boxes, arrows = picture()
    assert 5 <= len(boxes) <= 15
    assert {folder for folder in boxes.values() if not (ROOT / folder).is_dir()} == set()
    assert {box for arrow in arrows for box in arrow} == set(boxes), "a box stands alone"


def test_every_arrow_of_the_picture_is_an_import_and_none_goes_back() -> None:
    boxes, arrows = picture()
    layered = {("billing", "tenants")}  # allowed by the contract of layers, not used yet
    absent = {(a, b) for a, b in arrows - layered if not leans_on(boxes[a], boxes[b])}
    backwards = {(a, b) for a, b in arrows if leans_on(boxes[b], boxes[a])}
    assert (absent, backwards) == (set(), set())


# ------------------------------------------------------------------ exception codes

CODE = re.compile(r"[a-z]+(?:-[a-z]+)*")
HYPHENED = re.compile(r"[a-z]+(?:-[a-z]+)+")
CODE_FOLDERS = (
    "connectors",
    "platform/hub/canonical",
    "platform/hub/connections",
    "platform/hub/mappings",
    "platform/hub/sync",
)
NAMES_OTHER_THINGS = {"get", "pop", "setdefault", "Step", "Done", "Found", "startswith"}
"""Calls whose text arguments are headers, keys or roles."""
TAKES_A_CODE = {"Problem", "Refusal", "_ours"}
"""Their second argument is a code, also one without a hyphen."""


def codes_in(path: Path) -> set[str]:
    """Exception codes a file can raise or open, told by where the text stands."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.keyword) and node.arg == "code":
            found |= _texts(node.value, CODE)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {t.id for t in targets if isinstance(t, ast.Name)}
            if "code" in names:
                found |= _texts(node.value, CODE)
            elif any(name.isupper() for name in names):
                found |= _tabled(node.value)
        elif isinstance(node, ast.Call):
            found |= _passed(node)
    return found


def _texts(node: ast.expr, shape: re.Pattern[str]) -> set[str]:
    """Text constants of an expression: itself, or the branches of a choice."""
    if isinstance(node, ast.IfExp):
        return _texts(node.body, shape) | _texts(node.orelse, shape)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value} if shape.fullmatch(node.value) else set()
    return set()


def _tabled(node: ast.expr) -> set[str]:
    """Codes in a table of constants: values of {…: "code"} or firsts of {…: ("code", …)}."""
    found: set[str] = set()
    if isinstance(node, ast.Dict):
        for value in node.values:
            if isinstance(value, ast.Tuple) and value.elts:
                found |= _texts(value.elts[0], CODE)
            elif all(isinstance(key, ast.Constant) for key in node.keys):
                found |= {t for t in _texts(value, HYPHENED) if t.endswith("-missing")}
    return found


def _passed(call: ast.Call) -> set[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in NAMES_OTHER_THINGS:
        return set()
    if name in TAKES_A_CODE and len(call.args) > 1:
        return _texts(call.args[1], CODE)
    return {text for arg in call.args for text in _texts(arg, HYPHENED)}


def codes() -> set[str]:
    return {code for folder in CODE_FOLDERS for path in sources(folder) for code in codes_in(path)}


def documented_codes() -> list[str]:
    return re.findall(r"^\| `([a-z-]+)` \|", read(ROOT / "docs/exceptions.md"), re.MULTILINE)


def test_every_exception_code_is_explained_and_none_is_invented() -> None:
    assert {"bug", "poison", "sku-missing", "drift", "lookup-missing"} <= codes()
    explained = documented_codes()
    assert sorted(set(explained)) == sorted(explained), "a code is explained twice"
    assert set(explained) == codes()


def test_every_explanation_says_whose_move_it_is() -> None:
    owners = re.compile(r"(platform|partner|merchant)(, (platform|partner|merchant))*")
    rows = re.findall(r"^\| `([a-z-]+)` \|(.*)\|$", read(ROOT / "docs/exceptions.md"), re.MULTILINE)
    assert len(rows) > 20
    for code, rest in rows:
        owner, *cells = (cell.strip() for cell in rest.split("|"))
        assert owners.fullmatch(owner), f"{code}: {owner}"
        assert len(cells) == 3 and all(cells), f"{code}: what happened, the move, what is automatic"


# ------------------------------------------------------------------ decisions


def test_decisions_are_numbered_without_gaps_and_short() -> None:
    files = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [int(path.name[:4]) for path in files] == list(range(1, len(files) + 1))
    for path in files:
        title, *paragraphs = read(path).strip().split("\n\n")
        assert title.startswith("# ") and len(paragraphs) == 2, f"{path.name}: two paragraphs"
        assert len(read(path).split()) < 320, f"{path.name}: too long to be read"
