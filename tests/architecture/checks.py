"""What the architecture asks of the source, as functions from a source tree to the list of what breaks it.

They read the code with `ast` and import none of it, so that they can be run over trees with planted violations.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

Table = Mapping[str, Sequence[str]]

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 80

# Modules, and names inside of modules, that make two runs differ. Clock and Chance are injected instead.
CHANCE_MODULES = frozenset({"time", "random", "uuid", "secrets"})
CHANCE_NAMES = frozenset(
    {
        "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
        "os.environ", "os.environb", "os.getenv", "os.urandom", "os.getrandom",
    }
)  # fmt: skip

# What belongs to one machine or one person, and so not into the repository.
_PRIVATE = re.compile(
    r"(?<![\w.~:/<-])/(?:work|root|Users|home)/[\w.-]+|C:\\Users\\"
    r"|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|^<{7} |^>{7} "
)


def modules(root: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every Python file below `root`, as its path from there and its tree."""
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root).as_posix(), ast.parse(path.read_bytes(), str(path))


# --- imports ---------------------------------------------------------------------------------------------------------


def broken_imports(root: Path, table: Table, package: str = "sampan") -> list[str]:
    """Imports of our own modules that `table` does not allow, wherever in a file they stand."""
    broken = []
    for path, tree in modules(root):
        if path == "__init__.py" or (path.endswith("/__init__.py") and not tree.body[1:]):
            continue
        row = _row(path, table)
        if row is None:
            broken.append(f"{path}: no row of the table fits it")
            continue
        for line, target in _ours(root, path, tree, package):
            if not any(_fits(target, pattern, row[1]) for pattern in (row[0], *table[row[0]])):
                broken.append(f"{path}:{line}: imports {target}")
    return broken


def outside_imports(root: Path, folder: str) -> list[str]:
    """Imports below `folder` of anything but the standard library and our own package."""
    return [
        f"{path}:{line}: imports {name}"
        for path, tree in modules(root)
        if path.startswith(folder)
        for line, name in imported(path, tree)
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "sampan"}
    ]


def computed_imports(root: Path, spared: Sequence[str]) -> list[str]:
    """Uses of `importlib` and `__import__`, which would hide an import from the table, outside of `spared`."""
    broken = []
    for path, tree in modules(root):
        if any(path.startswith(prefix) for prefix in spared):
            continue
        broken += [
            f"{path}:{line}: {name}"
            for line, name in imported(path, tree)
            if name in ("importlib", "importlib.import_module")
        ]
        broken += [
            f"{path}:{node.lineno}: __import__"
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and node.id == "__import__"
        ]
    return broken


def _row(path: str, table: Table) -> tuple[str, dict[str, str]] | None:
    """The table's row for a file, and what its angle brackets stand for."""
    for pattern in table:
        found = _pattern(pattern, {}).match(path)
        if found:
            return pattern, found.groupdict()
    return None


def _fits(path: str, pattern: str, names: Mapping[str, str]) -> bool:
    return pattern == "*" or _pattern(pattern, names).match(path) is not None


def _pattern(pattern: str, names: Mapping[str, str]) -> re.Pattern[str]:
    text = "".join(
        re.escape(names[part[1:-1]]) if part[:1] == "<" and part[1:-1] in names
        else f"(?P<{part[1:-1]}>[^/]+)" if part[:1] == "<"
        else "[^/]+" if part == "*"
        else re.escape(part)
        for part in re.split(r"(<\w+>|\*)", pattern)
    )  # fmt: skip
    return re.compile(text + ("" if pattern.endswith("/") else r"\Z"))


def _ours(root: Path, path: str, tree: ast.Module, package: str) -> Iterator[tuple[int, str]]:
    """Imports of our own modules, as paths below `root`."""
    for line, name in imported(path, tree, package):
        parts = name.split(".")
        if parts[0] != package:
            continue
        # `from sampan.kernel.fault import Kind` names a module's attribute: drop it to find the file.
        for end in range(len(parts), 0, -1):
            stem = root.joinpath(*parts[1:end])
            if end > 1 and stem.with_suffix(".py").is_file():
                yield line, stem.with_suffix(".py").relative_to(root).as_posix()
                break
            if stem.is_dir():
                inside = stem.relative_to(root).as_posix()
                # The package's own name and version, `from sampan import __version__`, belong to nobody's layer.
                if inside != ".":
                    yield line, f"{inside}/__init__.py"
                break


def imported(path: str, tree: ast.Module, package: str = "sampan") -> Iterator[tuple[int, str]]:
    """Everything that a file imports, by its full dotted name, at the top or inside of functions."""
    folder = [package, *Path(path).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] if node.level else []
            for alias in node.names:
                yield node.lineno, ".".join([*base, *([node.module] if node.module else []), alias.name])


# --- chance ----------------------------------------------------------------------------------------------------------


def uses_of_chance(root: Path, folders: Sequence[str]) -> list[str]:
    """Time, randomness and the environment, used below `folders` instead of being given."""
    broken = []
    for path, tree in modules(root):
        if not path.startswith(tuple(folders)):
            continue
        for line, name in imported(path, tree):
            if name.partition(".")[0] in CHANCE_MODULES or ".".join(name.split(".")[-2:]) in CHANCE_NAMES:
                broken.append(f"{path}:{line}: imports {name}")
        broken += [
            f"{path}:{node.lineno}: uses {ast.unparse(node)}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and ".".join(ast.unparse(node).split(".")[-2:]) in CHANCE_NAMES
        ]
    return broken


# --- tidiness --------------------------------------------------------------------------------------------------------


def long_files(root: Path) -> list[str]:
    """Python files too long to be read at a sitting."""
    lines = ((path, len((root / path).read_text().splitlines())) for path, _ in modules(root))
    return [f"{path}: {count} lines" for path, count in lines if count >= FILE_LINES_MAX]


def long_functions(root: Path) -> list[str]:
    """Functions too long to be read at once."""
    return [
        f"{path}:{node.lineno}: {node.name} has {(node.end_lineno or node.lineno) - node.lineno + 1} lines"
        for path, tree in modules(root)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (node.end_lineno or node.lineno) - node.lineno + 1 >= FUNCTION_LINES_MAX
    ]


def undocumented(root: Path) -> list[str]:
    """Public modules, classes and functions without a docstring, unless the words stand elsewhere by rule.

    A method's stand in the port that it implements, a command's function at the command in `model.py` or in one of the
    `..._commands.py` of the service, the keys and rows of a `rows.py` in the table at its head, and what
    `bind_x` and `render_x` do in the contract. A module that only marks a folder needs none.
    """
    broken = []
    for path, tree in modules(root):
        if tree.body and not ast.get_docstring(tree):
            broken.append(f"{path}: the module")
        commands = _commands(root / path) if path.startswith("services/") else frozenset()
        broken += [
            f"{path}:{node.lineno}: {node.name}"
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if not node.name.startswith("_") and not ast.get_docstring(node)
            if node.name not in commands and not path.endswith("/rows.py")
            if not (path.startswith("dialects/") and node.name.startswith(("bind_", "render_")))
        ]
    return broken


def _commands(path: Path) -> frozenset[str]:
    """The documented commands of the service that a file belongs to, in the form of a function's name."""
    files = [*path.parent.glob("model.py"), *path.parent.glob("*_commands.py")]
    nodes = [node for file in files for node in ast.parse(file.read_bytes()).body]
    named = (node for node in nodes if isinstance(node, ast.ClassDef) and ast.get_docstring(node))
    return frozenset(re.sub(r"(?<!^)(?=[A-Z])", "_", node.name).lower() for node in named)


def private_traces(root: Path, paths: Sequence[str]) -> list[str]:
    """Lines of text files that hold a path of one machine, a private key or a merge's leftovers."""
    broken = []
    for path in paths:
        try:
            lines = (root / path).read_text("utf-8").splitlines()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        broken += [
            f"{path}:{number}: {line.strip()[:80]}" for number, line in enumerate(lines, 1) if _PRIVATE.search(line)
        ]
    return broken
