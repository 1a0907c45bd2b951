"""Sessions: one per experiment (found by itself, its question in ``nox -l``), and the checks of the project.

``nox -s exp13 -- --without kmsg`` passes what follows ``--`` to ``runner run``.
"""

import ast
import hashlib
import os
import re
import shutil
import tarfile
import tomllib
from pathlib import Path

import nox

nox.options.sessions = ["lint", "typing", "formats", "tests"]
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_missing_interpreters = True
nox.needs_version = ">=2024.4.15"

ROOT = Path(__file__).parent
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
OLDEST_GO = (1, 21)
EXPERIMENT_FILE = re.compile(r"(exp\d{2,})_[a-z0-9_]+\.py")


def install(session: nox.Session, *groups: str) -> None:
    """Install the project and dependency groups into the session's environment, unless that was done already.

    pip takes seconds even when there is nothing to do, and an experiment should start its workload within three.
    """
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + " ".join(groups).encode()).hexdigest()
    stamp = Path(session.virtualenv.location) / "installed.sha256"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    group_flags = [word for group in groups for word in ("--group", group)]
    session.install("--upgrade", "pip>=25.1", silent=True)
    session.install("--editable", ".", *group_flags, silent=True)
    stamp.write_text(wanted)


def question_of(path: Path) -> str:
    """The experiment's ``question=`` as its file writes it, read without importing anything."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "question" and isinstance(node.value, ast.Constant):
            return str(node.value.value)
    return "(no question: runner list says what is wrong with this file)"


def experiment_session(name: str, question: str) -> None:
    """Register one session that runs one experiment."""

    def run(session: nox.Session) -> None:
        install(session)
        session.run("python", "-m", "runner", "run", name, *session.posargs)

    run.__doc__ = question
    nox.session(name=name, default=False, venv_backend="venv")(run)


for found in sorted((ROOT / "experiments").glob("exp*.py")):
    if match := EXPERIMENT_FILE.fullmatch(found.name):
        experiment_session(match[1], question_of(found))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and the contract that imports flow one way."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def typing(session: nox.Session) -> None:
    """Types, strictly."""
    install(session, "typing")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Every test, real gVisor runs included; what follows -- goes to pytest."""
    install(session, "tests")
    session.run("pytest", *session.posargs)


@nox.session
def formats(session: nox.Session) -> None:
    """What CI reads: JUnit XML by the schema that Jenkins uses, workflow files by actionlint (where there is Go)."""
    install(session, "tests")
    # Jenkins' junit-10.xsd, as pytest checks its own output with it; pytest's source archive holds it.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (wanted,) = (line for line in project["dependency-groups"]["tests"] if line.startswith("pytest=="))
    archive = Path(session.create_tmp()).resolve()
    session.run(
        "pip", "download", "--quiet", "--no-deps", "--no-binary", "pytest", "--dest", str(archive), wanted, silent=True
    )
    schema = archive / "junit-10.xsd"
    with tarfile.open(next(archive.glob(f"{wanted.replace('==', '-')}*.tar.gz"))) as packed:
        member = next(name for name in packed.getnames() if name.endswith("/junit-10.xsd"))
        schema.write_bytes(packed.extractfile(member).read())
    session.run("pytest", "-q", "tests/formats/test_junit.py", env={"JUNIT_XSD": str(schema)})
    go = shutil.which("go", path=f"{os.environ['PATH']}:/usr/local/go/bin")
    version = session.run(go, "env", "GOVERSION", external=True, silent=True, log=False) if go else ""
    # From 1.21 on Go fetches the toolchain that a module asks for; Debian 12 has an older one.
    match = re.match(r"go(\d+)\.(\d+)", version)
    if match is None or (int(match[1]), int(match[2])) < OLDEST_GO:
        session.warn("no Go 1.21 or newer here: the workflow files were not looked at")
        return
    made = archive / "matrix.yml"
    made.write_text(session.run("python", "-m", "runner", "matrix", "workflow", silent=True, log=False))
    workflows = [*sorted((ROOT / ".github" / "workflows").glob("*.yml")), ROOT / "docs" / "workflow.yml", made]
    session.run(go, "run", ACTIONLINT, *map(str, workflows), external=True)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Interceptor against untraced, strace and PRoot, as ratios, on this host and in gVisor; prints Markdown.

    ``nox -s bench -- k3s`` measures the mechanisms on real k3s, ``-- classify`` reading logs against grep, ``-- stored`` the
    commands over many stored runs.
    """
    install(session)
    module = (
        f"runner.bench.{session.posargs[0]}"
        if session.posargs[:1] in (["classify"], ["k3s"], ["stored"])
        else "runner.bench"
    )
    session.run("python", "-m", module, *(session.posargs[1:] if module != "runner.bench" else session.posargs))


@nox.session(default=False)
def series(session: nox.Session) -> None:
    """Every experiment in order, and the report's comparison table; goes on where it was stopped."""
    install(session)
    session.run("python", "-m", "runner", "series", *session.posargs)


@nox.session(default=False)
def matrix(session: nox.Session) -> None:
    """The cells of matrix.toml that are left, and the status page of all: builds of gVisor against workloads."""
    install(session)
    session.run("python", "-m", "runner", "matrix", "run", *session.posargs)
    session.run("python", "-m", "runner", "matrix", "page")


@nox.session(default=False)
def compare(session: nox.Session) -> None:
    """What changed between runs, and the gate: nox -s compare -- A B, or -- --baseline."""
    install(session)
    session.run("python", "-m", "runner", "compare", *(session.posargs or ["--baseline"]))


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Make the pages of docs/blockers and docs/result.schema.json anew from the code."""
    install(session)
    session.run("python", "-m", "runner", "explain", "--markdown", "docs/blockers", silent=True)
    session.run("python", "-m", "runner", "schema", "--out", "docs/result.schema.json")


@nox.session(default=False)
def pictures(session: nox.Session) -> None:
    """Make the pictures of the docs anew from the promoted runs; those of pages need a Chromium."""
    install(session)
    session.run("python", "docs/pictures.py")
