"""What only a real process can show: how fast it starts, what it imports, and completion in real shells."""

import shutil
import subprocess
import sys

import pytest

from studyhall.cli import main


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_help_imports_neither_pydantic_nor_http():
    code = (
        "import sys; from studyhall.cli import main; main(['--help']); print({'pydantic', 'httpx2'} & set(sys.modules))"
    )

    assert run("-c", code).stdout.splitlines()[-1] == "set()"


def test_the_command_is_installed():
    done = run("-m", "studyhall", "--version")

    assert (done.returncode, done.stderr) == (0, "")


def test_output_that_nobody_reads_any_more_is_no_error():
    code = f"{sys.executable} -m studyhall completion fish | head -1"

    done = subprocess.run(["bash", "-c", f"set -o pipefail; {code}"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def completions(words, tmp_path, capsys):
    main(["completion", "bash"])
    script = tmp_path / "studyhall.bash"
    script.write_text(capsys.readouterr().out)
    array = " ".join(f"'{word}'" for word in ["studyhall", *words])
    asked = f"source {script}; COMP_WORDS=({array}); COMP_CWORD={len(words)}; _studyhall"
    ask = asked + "; printf '%s\\n' \"${COMPREPLY[@]}\""
    return subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["stu"], ["study"]),
        (["study", "re"], ["resume"]),
        (["study", "stop", "--mo"], ["--mode"]),
        (["study", "stop", "digits", "--mo"], ["--mode"]),
        (["--ver"], ["--version"]),
    ],
)
def test_bash_completes_commands_and_options(words, expected, tmp_path, capsys):
    assert completions(words, tmp_path, capsys) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_takes_its_script(shell, tmp_path, capsys):
    main(["completion", shell])
    script = tmp_path / f"studyhall.{shell}"
    script.write_text(capsys.readouterr().out)
    assert "study" in script.read_text()

    if shutil.which(shell):
        done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_output_that_was_closed_from_the_start_is_no_error():
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m studyhall completion fish >&-"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_whoever_waits_for_news_ends_with_its_reader():
    waiting = "import time; from studyhall.commands.printing import end_with_reader as end; end(); time.sleep(60)"

    subprocess.run(["bash", "-c", f'{sys.executable} -c "{waiting}" | true'], timeout=20, check=True)
