"""Building the upstream components: what is kept, what is refused, and what is left when it fails."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from runner.supply import gobuild
from runner.supply.cache import Cache
from runner.supply.gomodule import Recipe
from runner.supply.kubernetes import (
    COMPONENTS,
    VERSION,
    VERSIONS,
    Kubernetes,
    cache_key,
    datastore_recipe,
    find_kubernetes,
    kubernetes_recipe,
)
from runner.supply.supplied import Absent, Progress, SupplyError

Script = Callable[..., Path]
ROOT = Path(__file__).parents[2]
# What go does, as far as this project asks it: say its version, and make an executable of each package named.
GO = """
here=$(dirname "$0")
echo "$GOTOOLCHAIN $*" >> "$here/calls"
[ "$1" = build ] || { echo "go version $(cat "$here/version") linux/amd64"; exit; }
[ -s go.mod ] && [ -s go.sum ] || { echo "go: no go.mod" >&2; exit 9; }
. "$here/obstacle"
shift
while [ $# -gt 0 ]; do
    case "$1" in -o) out=$2; shift ;; -*) ;; *) packages="$packages $1" ;; esac
    shift
done
for package in $packages; do
    echo "$package" >&2
    name=${package##*/}
    case "$name" in
    kine) says="kine version v0.17.5 (HEAD)" ;;
    v3) says="etcd Version: 3.6.5" ;;
    *) says="Kubernetes $(cat "$here/stamp")" ;;
    esac
    case "$out" in */) file=$out$name ;; *) file=$out ;; esac
    printf "#!/bin/sh\\necho '%s'\\n" "$says" > "$file"
    chmod +x "$file"
done
"""


@pytest.fixture(autouse=True)
def _only_go_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gobuild, "_USUAL_PLACES", ())


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bin").mkdir()
    return {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}


@pytest.fixture
def go(script: Script) -> Path:
    for name, text in (("version", "go1.26.8"), ("stamp", VERSION), ("obstacle", "")):
        script(f"bin/{name}", "").write_text(text)
    return script("bin/go", GO)


def calls(go: Path) -> list[str]:
    path = go.parent / "calls"
    return [line for line in path.read_text().splitlines() if " build " in line] if path.exists() else []


def kept(cache: Cache) -> list[str]:
    """Everything in the cache but locks and notes: what failed must leave nothing."""
    if not cache.root.is_dir():
        return []
    return sorted(
        path.name for path in cache.root.iterdir() if not path.name.endswith("~lock") and path.name != ".notes"
    )


def found(answer: Kubernetes | Absent) -> Kubernetes:
    assert isinstance(answer, Kubernetes), answer.reason
    return answer


def absent(answer: Kubernetes | Absent) -> str:
    assert isinstance(answer, Absent)
    return answer.reason


async def test_everything_is_built_once_and_then_taken_from_the_cache(
    cache: Cache, environ: dict[str, str], progress: Progress, go: Path
) -> None:
    first = found(await find_kubernetes(progress, environ=environ, cache=cache))
    assert {path.name for path in first.components.path.iterdir()} == {*COMPONENTS, "kubectl", "entry.json"}
    assert (first.components.version, first.datastore.version) == (VERSION, "v0.17.5")
    assert first.datastore.path.name == "kine"
    again = found(await find_kubernetes(progress, environ={}, cache=cache))
    assert again.components.sha256 == first.components.sha256
    assert len(calls(go)) == 2  # one for the datastore, one for all the components


async def test_components_report_their_true_version_by_the_linkers_stamp(
    cache: Cache, environ: dict[str, str], progress: Progress, go: Path
) -> None:
    found(await find_kubernetes(progress, environ=environ, cache=cache))
    (call,) = [call for call in calls(go) if "kubelet" in call]
    assert f"-X k8s.io/component-base/version.gitVersion={VERSION}" in call
    assert "-mod=readonly" in call


async def test_an_unstamped_build_is_not_kept(
    cache: Cache, environ: dict[str, str], progress: Progress, go: Path
) -> None:
    (go.parent / "stamp").write_text("v0.0.0-master+$Format:%H$")
    assert "kube-apiserver was built, but says that it is 0.0.0-master" in absent(
        await find_kubernetes(progress, environ=environ, cache=cache)
    )
    assert kept(cache) == [cache_key(datastore_recipe("kine"))]


@pytest.mark.parametrize("datastore", ["kine", "etcd"])
async def test_the_datastore_can_be_chosen(
    cache: Cache, environ: dict[str, str], progress: Progress, go: Path, datastore: str
) -> None:
    environ["KUBERNETES_DATASTORE"] = datastore
    assert found(await find_kubernetes(progress, environ=environ, cache=cache)).datastore.path.name == datastore
    assert len(calls(go)) == 2


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("KUBERNETES_VERSION", "v1.28.0", r"v1\.28\.0: this program can build v1\.34\.4, v1\.35\.4"),
        ("KUBERNETES_DATASTORE", "dqlite", "it can be kine or etcd"),
    ],
)
async def test_what_is_not_offered_is_refused_with_what_is(
    cache: Cache, environ: dict[str, str], progress: Progress, variable: str, value: str, says: str
) -> None:
    with pytest.raises(SupplyError, match=says):
        await find_kubernetes(progress, environ={**environ, variable: value}, cache=cache)


@pytest.mark.parametrize(
    ("obstacle", "says"),
    [
        (
            "echo 'go: k8s.io/api@v0.34.4: dial tcp: lookup proxy: no such host' >&2; exit 1",
            "no Go module proxy answers",
        ),
        ("echo 'compile: write /tmp/x: no space left on device' >&2; exit 1", "the disk is full; free some space"),
        ("echo 'verifying module: checksum mismatch' >&2; exit 1", "something else than Go's checksum database knows"),
        ("echo 'link: signal: killed' >&2; exit 1", "the compiler was killed: too little memory?"),
        ("kill -9 $$", "failed with exit code -9"),
        ("exit 0", "failed with exit code 0"),
    ],
)
async def test_a_failed_build_says_why_leaves_nothing_and_is_not_repeated_at_once(
    cache: Cache, environ: dict[str, str], progress: Progress, go: Path, obstacle: str, says: str
) -> None:
    (go.parent / "obstacle").write_text(obstacle)
    assert says in absent(await find_kubernetes(progress, environ=environ, cache=cache))
    assert kept(cache) == []
    assert "not tried: less than 10 minutes ago it failed" in absent(
        await find_kubernetes(progress, environ=environ, cache=cache)
    )
    assert len(calls(go)) == 1
    (go.parent / "obstacle").write_text("")
    found(await find_kubernetes(progress, environ=environ, cache=cache, refresh=True))


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (None, "there is no go command on PATH; install Go"),
        ("go1.18.2", "Go 1.18.2 cannot fetch go1.26.5, which kine-v0.17.5 needs; install Go 1.21 or later"),
        ("nonsense", "is not Go"),
    ],
)
async def test_no_go_or_the_wrong_one_is_said_and_looked_for_again_the_next_time(
    cache: Cache, environ: dict[str, str], progress: Progress, go: Path, version: str | None, says: str
) -> None:
    (go.parent / "version").write_text(version or "")
    without = environ if version is not None else {"PATH": str(cache.root)}
    assert says in absent(await find_kubernetes(progress, environ=without, cache=cache))
    assert kept(cache) == []
    (go.parent / "version").write_text("go1.26.8")
    found(await find_kubernetes(progress, environ=environ, cache=cache))


async def test_an_older_go_fetches_the_toolchain_that_is_needed(
    cache: Cache, environ: dict[str, str], progress: Progress, go: Path
) -> None:
    (go.parent / "version").write_text("go1.24.1")
    found(await find_kubernetes(progress, environ=environ, cache=cache))
    assert [call.split()[0] for call in calls(go)] == ["go1.26.5", "go1.25.0"]


async def test_a_damaged_component_is_built_again(
    cache: Cache, environ: dict[str, str], progress: Progress, go: Path
) -> None:
    kubelet = found(await find_kubernetes(progress, environ=environ, cache=cache)).components.path / "kubelet"
    whole = kubelet.read_bytes()
    kubelet.write_bytes(whole[:-1])
    again = found(await find_kubernetes(progress, environ=environ, cache=cache))
    assert kubelet.read_bytes() == whole
    assert [a.outcome for a in again.components.attempts] == ["used", "unusable", "used"]
    assert len(calls(go)) == 3


async def test_two_at_once_build_once(cache: Cache, environ: dict[str, str], progress: Progress, go: Path) -> None:
    answers: list[Kubernetes | Absent] = []

    async def find() -> None:
        answers.append(await find_kubernetes(progress, environ=environ, cache=cache))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(find)
        nursery.start_soon(find)
    assert len({found(answer).components.sha256 for answer in answers}) == 1
    assert len(calls(go)) == 2


async def test_killed_half_way_leaves_nothing_that_looks_whole_and_the_next_one_builds(
    cache: Cache, environ: dict[str, str], progress: Progress, go: Path, tmp_path: Path
) -> None:
    # It has written half of its output when it says so, and ends when its maker is gone.
    half = 'echo half > "$(dirname "$0")/../half"; echo half > kine; echo at work >&2; read gone < "$here/fifo"; exit 1'
    (go.parent / "obstacle").write_text(half)
    os.mkfifo(go.parent / "fifo")
    program = (
        "import sys, trio; from functools import partial; from pathlib import Path\n"
        "from runner.supply.cache import Cache; from runner.supply.kubernetes import find_kubernetes\n"
        "said = lambda text, share: print(text, flush=True)\n"
        f"trio.run(partial(find_kubernetes, said, environ={environ!r}, cache=Cache(root=Path({str(cache.root)!r}))))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with (go.parent / "fifo").open("w"):  # opens when the compiler has opened its end
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    assert (tmp_path / "half").exists()
    assert cache.entry(cache_key(datastore_recipe("kine"))) is None
    (go.parent / "obstacle").write_text("")
    found(await find_kubernetes(progress, environ=environ, cache=cache))
    assert kept(cache) == sorted(cache_key(recipe) for recipe in (datastore_recipe("kine"), kubernetes_recipe(VERSION)))


@pytest.mark.parametrize(
    "recipe",
    [*(kubernetes_recipe(version) for version in VERSIONS), datastore_recipe("kine"), datastore_recipe("etcd")],
    ids=lambda recipe: recipe.name,
)
def test_each_recipe_ships_its_module_with_every_program_and_a_go_that_compiles_it(recipe: Recipe) -> None:
    module = ROOT / "runner/supply/modules" / recipe.name
    text = (module / "go.mod").read_text()
    for program in recipe.programs:
        assert f"\t{program.package}\n" in text or f"tool {program.package}\n" in text
    assert recipe.version in text
    assert (module / "go.sum").stat().st_size > 1000
    oldest = recipe.toolchain.removeprefix("go")
    wanted = next(line.split()[1] for line in text.splitlines() if line.startswith("go "))
    assert tuple(map(int, oldest.split("."))) >= tuple(map(int, wanted.split(".")))


def test_the_libraries_are_of_the_same_release_as_the_components() -> None:
    for version in VERSIONS:
        text = (ROOT / f"runner/supply/modules/kubernetes-{version}/go.mod").read_text()
        libraries = [line.split("=>")[1].split() for line in text.splitlines() if "=>" in line]
        assert len(libraries) > 20
        assert {release for _, release in libraries} == {version.replace("v1.", "v0.")}
