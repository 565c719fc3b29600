"""A stranger's first command: what it makes, and what it says when it can't."""

from __future__ import annotations

import ast
import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hub.runtime import bootstrap
from hub.runtime.home import ROOT

STANDARD_LIBRARY_ONLY = [
    ROOT / "manage.py",
    ROOT / "platform/hub/runtime/bootstrap.py",
    ROOT / "platform/hub/runtime/complaint.py",
]

OLD_PYTHON = """
import runpy, sys
sys.version_info = (3, 9, 2, "final", 0)
sys.argv = ["manage.py", "demo"]
runpy.run_path("manage.py", run_name="__main__")
"""


class Project:
    """A project of one small package that the index (a folder of wheels) holds."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a project"
        self.wheels = folder / "wheels"
        self.venv = self.root / ".venv"
        runtime = self.root / "platform/hub/runtime"
        runtime.mkdir(parents=True)
        self.wheels.mkdir()
        for file in ("__init__.py", "runtime/__init__.py"):
            (self.root / "platform/hub" / file).touch()
        for file in STANDARD_LIBRARY_ONLY:
            shutil.copy(file, self.root / file.relative_to(ROOT))
        (runtime / "commands.py").write_text(
            "import sys, pinned\n"
            "def run(argv):\n"
            "    print('runs', pinned.WORD, *argv[1:], 'in', sys.prefix)\n"
            "    return 7\n"
        )
        self.pin("1.0", "hello")

    def pin(self, version: str, word: str, tag: str = "py3-none-any") -> None:
        """Pins ``pinned`` at ``version`` and puts its wheel into the index."""
        wheel = self.wheels / f"pinned-{version}-{tag}.whl"
        facts = f"pinned-{version}.dist-info"
        files = {
            "pinned.py": f"WORD = {word!r}\n",
            f"{facts}/METADATA": f"Metadata-Version: 2.1\nName: pinned\nVersion: {version}\n",
            f"{facts}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        with zipfile.ZipFile(wheel, "w") as archive:
            record = f"{facts}/RECORD,,\n"
            for name, text in files.items():
                digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
                record += f"{name},sha256={digest.decode().rstrip('=')},{len(text)}\n"
                archive.writestr(name, text)
            archive.writestr(f"{facts}/RECORD", record)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (self.root / "requirements.lock").write_text(
            f"pinned=={version} \\\n    --hash=sha256:{digest}\n"
        )

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """``python3 manage.py …`` by a bare interpreter that knows no package and no uv."""
        bare = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
        return subprocess.Popen(
            [str(bare), "manage.py", *arguments],
            cwd=self.root,
            env={
                "PATH": "/usr/bin:/bin",
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": self.wheels.as_uri(),
                "HOME": str(self.root),
            }
            | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environ: str) -> tuple[int, str, str]:
        """(exit status, stdout, stderr) of one command, run to its end."""
        process = self.start(*arguments, **environ)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.mark.parametrize("file", STANDARD_LIBRARY_ONLY, ids=lambda path: path.name)
def test_an_old_python_can_read_what_tells_it_that_it_is_old(file: Path) -> None:
    ast.parse(file.read_text(), feature_version=(3, 6))
    assert "\nfrom __future__ import annotations" not in file.read_text()  # unknown to 3.6


def test_an_old_python_gets_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OLD_PYTHON], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr == (
        "This is Python 3.9, and Crossdock needs 3.11 or newer. "
        "Run it with a newer one, for example: python3.11 manage.py demo\n"
    )


@pytest.mark.slow
def test_the_first_start_makes_the_environment_and_later_ones_do_nothing(project: Project) -> None:
    status, out, err = project.run("demo", "--once")
    assert (status, out) == (7, f"runs hello demo --once in {project.venv}\n")
    assert len(err.splitlines()) == 2

    assert project.run("up")[0::2] == (7, "")

    project.pin("2.0", "welcome")
    assert project.run("up")[1].startswith("runs welcome")


@pytest.mark.slow
def test_two_first_starts_at_once_make_one_environment(project: Project) -> None:
    both = [project.start("up"), project.start("up")]
    told = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [7, 7]
    assert sorted(len(err.splitlines()) for _, err in told) == [0, 2]


@pytest.mark.slow
def test_an_install_that_broke_off_is_done_anew(project: Project) -> None:
    project.run("up")
    (project.venv / bootstrap.STAMP).unlink()
    (project.venv / bootstrap.HALF).touch()
    next(project.venv.glob("lib/*/site-packages/pinned.py")).unlink()  # yet its metadata is there
    status, out, _ = project.run("up")
    assert (status, out.split()[:2]) == (7, ["runs", "hello"])
    assert not (project.venv / bootstrap.HALF).exists()


@pytest.mark.slow
def test_no_wheel_for_this_machine_is_said_in_one_line(project: Project) -> None:
    (project.wheels / "pinned-1.0-py3-none-any.whl").unlink()
    project.pin("1.0", "hello", tag="cp311-cp311-win_arm64")
    status, _, err = project.run("up")
    assert status == 2
    assert "There is no ready-made package of pinned==1.0 for this machine" in err
    assert "Traceback" not in err
    assert not (project.venv / bootstrap.STAMP).exists()


@pytest.mark.slow
def test_a_package_that_is_not_the_pinned_one_is_refused(project: Project) -> None:
    lock = project.root / "requirements.lock"
    lock.write_text(lock.read_text()[:-9] + "00000000\n")
    status, _, err = project.run("up")
    assert status == 2
    assert "not the pinned one" in err


def test_a_python_without_venv_says_what_to_install(project: Project) -> None:
    (project.root / "platform/ensurepip.py").write_text("raise ImportError\n")
    status, _, err = project.run("up")
    assert status == 2
    assert err.splitlines()[-1] == (
        "This Python cannot make environments: its venv and ensurepip modules are missing. "
        "Install them (Debian, Ubuntu: apt install python3-venv) and start again."
    )


def test_a_folder_in_the_way_is_left_alone(project: Project) -> None:
    project.venv.mkdir()
    (project.venv / "letters.txt").write_text("dear")
    status, _, err = project.run("up")
    assert status == 2
    assert "is in the way: it is no Python environment. Move it away" in err
    assert (project.venv / "letters.txt").read_text() == "dear"


def test_a_place_that_cannot_be_written_to_is_named(project: Project, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, _, err = project.run("up", CROSSDOCK_VENV=str(tmp_path / "file" / "venv"))
    assert status == 2
    assert err.startswith(f"Cannot write to {tmp_path / 'file'}")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk ran full"),
        ("error: failed to create file: Permission denied (os error 13)", "Cannot write to"),
        ("error: Package `x` has no wheels with a matching platform tag", "no ready-made package"),
        ("Could not fetch URL: Failed to establish a new connection", "index cannot be reached"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS", "not the pinned one"),
        ("error: something new\n", "failed: error: something new"),
    ],
)
def test_what_an_installer_says_becomes_a_mend(words: str, sentence: str) -> None:
    complaint = str(bootstrap.why(words, Path("/venv")))
    assert sentence in complaint
    assert "\n" not in complaint


def test_this_very_environment_is_recognised(tmp_path: Path) -> None:
    """Run by an interpreter that has the lock's packages, nothing is made anywhere."""
    done = subprocess.run(
        [sys.executable, "manage.py", "version"],
        cwd=ROOT,
        env=os.environ | {"CROSSDOCK_VENV": str(tmp_path / "none")},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("5.2")
    assert not (tmp_path / "none").exists()
