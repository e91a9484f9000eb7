"""No code that runs what a request or a file says, and no import that the building does not own."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Calls that turn data into code, by their full name or their last part.
CODE_FROM_DATA = {
    "eval",
    "exec",
    "builtins.eval",
    "builtins.exec",
    "compile",
    "__import__",
    "torch.load",
    "joblib.load",
    "os.system",
    "os.popen",
}
CODE_FROM_DATA_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
YAML_LOADERS = {"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"}

# Dangers that were looked at, each with what makes it safe there.
LOOKED_AT = {
    "torch.py": "torch.load",  # with weights_only, on a checkpoint that this trial's worker has checked by its hashes
    "study_file.py": "yaml.load",  # with a subclass of SafeLoader, on a file that its user names
}

# What the language may import beside the standard library; an integration also imports the framework it serves.
LANGUAGE_NEEDS = {"pydantic", "pydantic_core", "annotated_types", "httpx2", "typing_extensions", "studyhall"}
OPTIONAL = {  # imported when it is needed, and missed politely
    "studyhall/commands/study_file.py: yaml",  # a study written in YAML
    "studyhall/interchange/optuna_storage.py: psycopg",  # an Optuna storage in PostgreSQL
    "studyhall/interchange/trial_files.py: pyarrow",  # a table of trials in Parquet
    "studyhall/plots.py: matplotlib",  # charts for notebooks
    "studyhall/tracing.py: opentelemetry",  # spans, where somebody wants them
    "studyhall/trial_columns.py: pandas",  # a data frame
}


def sources(*packages: str) -> list[Path]:
    found = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    assert found, f"no source in {packages}"
    return found


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def dangers(path: Path) -> Iterator[str]:
    """Each place of a file where data could become code, as `file:line what`."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for module in imports(tree):
        if module.partition(".")[0] in CODE_FROM_DATA_MODULES:
            yield f"{path.name}: imports {module}"
    for call in calls(tree):
        name = ast.unparse(call.func)
        if name in CODE_FROM_DATA | YAML_LOADERS and LOOKED_AT.get(path.name) != name:
            yield f"{path.name}:{call.lineno} {name}"
        if any(word.arg == "shell" and ast.unparse(word.value) != "False" for word in call.keywords):
            yield f"{path.name}:{call.lineno} {name}(shell=...)"


@pytest.mark.parametrize("package", ["app", "studyhall", "migrations"])
def test_no_data_becomes_code(package: str) -> None:
    assert [danger for path in sources(package) for danger in dangers(path)] == []


@pytest.mark.parametrize(
    "line",
    [
        "eval(text)",
        "exec(text)",
        "import pickle",
        "from pickle import loads",
        "torch.load(path)",
        "yaml.load(text)",
        "subprocess.run(text, shell=True)",
        "import joblib",
    ],
)
def test_the_check_sees_each_danger(tmp_path: Path, line: str) -> None:
    file = tmp_path / "danger.py"
    file.write_text(line, encoding="utf-8")

    assert list(dangers(file)) != []


def test_the_language_needs_pydantic_and_httpx2_only() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {module.partition('.')[0]}"
        for path in sources("studyhall")
        if "integrations" not in path.parts
        for module in imports(ast.parse(path.read_text(encoding="utf-8")))
        if module.partition(".")[0] not in LANGUAGE_NEEDS | sys.stdlib_module_names
    }

    assert found - OPTIONAL == set()
