"""``runner up`` as a person uses it: from a second terminal, on k3s where there is one, else on the upstream components."""

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from command import ROOT, RUNNER, environment, in_sandbox, traces

from runner.host.images import busybox_archive
from runner.supply.cache import Cache
from runner.supply.k3s import find_k3s
from runner.supply.kubernetes import VERSION, cache_key, datastore_recipe, kubernetes_recipe
from runner.supply.supplied import Supplied

KEPT = [Cache.of_user().entry(cache_key(recipe)) for recipe in (kubernetes_recipe(VERSION), datastore_recipe("kine"))]
THERE_IS_K3S = isinstance(trio.run(find_k3s, lambda _text, _fraction: None), Supplied)
pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(
        not THERE_IS_K3S and None in KEPT,
        reason="no k3s here, and Kubernetes is not built yet: `runner run exp13 --workload kubernetes` does it, in minutes",
    ),
]
ANSWER_WITHIN_S = 60
IMAGE = "docker.io/local/mine:1"


class Terminal:
    """A second terminal, beside the one in which ``runner up`` runs."""

    def __init__(self, runtime: Path) -> None:
        self._environment = environment(XDG_RUNTIME_DIR=str(runtime))

    def kubectl(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """``runner kubectl WORDS``."""
        return subprocess.run(
            [*RUNNER, "kubectl", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=ANSWER_WITHIN_S,
            env=self._environment,
            cwd=ROOT,
        )

    def said(self, *words: str) -> str:
        """What kubectl says when it succeeds."""
        done = self.kubectl(*words)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout


@contextmanager
def cluster(results: Path, *words: str) -> Iterator[Terminal]:
    """A cluster that can be used; at the end Ctrl-C is pressed, and the command must take it for its normal end."""
    terminal = Terminal(results)
    errors = (results / "stderr").open("w+")
    process = subprocess.Popen(
        [*RUNNER, "up", *words, "--results", str(results)],
        env=terminal._environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert "the cluster can be used" in first, (results / "stderr").read_text()[-3000:]
        yield terminal
    finally:
        process.send_signal(signal.SIGINT)
        _, _ = process.communicate(timeout=60)
        errors.close()
    assert process.returncode == 0, (results / "stderr").read_text()[-3000:]


def test_a_deployment_of_ones_own_image_is_created_read_executed_in_reached_by_its_service_and_deleted(
    tmp_path: Path,
) -> None:
    before = traces()
    image = tmp_path / "mine.tgz"
    image.write_bytes(gzip.compress(busybox_archive(IMAGE, ("sh",))))
    with cluster(tmp_path, "exp68", "--image", str(image)) as terminal:
        command = ("sh", "-c", "echo hello from a deployment; exec httpd -f -p 80 -h /www")
        terminal.said("create", "deployment", "web", f"--image={IMAGE}", "--", *command)
        terminal.said("rollout", "status", "deployment/web", "--timeout=60s")
        assert terminal.said("logs", "deployment/web") == "hello from a deployment\n"
        assert "Sun Jan 10 15:06:54 PST 2016" in terminal.said("exec", "deployment/web", "--", "cat", "/proc/version")
        terminal.said("expose", "deployment", "web", "--port=80")
        address = terminal.said("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
        terminal.said("scale", "deployment", "web", "--replicas=2")
        terminal.said("rollout", "status", "deployment/web", "--timeout=60s")
        # The pod that asks may be the one that would answer, which is not reached: so both ask, and one of them is.
        ask = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 {address} 80"
        names = terminal.said("get", "pods", "-o", "jsonpath={.items[*].metadata.name}").split()
        answers = [terminal.kubectl("exec", name, "--", "sh", "-c", ask).stdout for name in names * 3]
        assert any("served by busybox" in answer for answer in answers), answers
        terminal.said("delete", "deployment", "web", "--wait")
        assert terminal.said("get", "deployments", "-o", "name") == ""
    # Without a cluster the command says how to get one.
    gone = terminal.kubectl("get", "pods")
    assert (gone.returncode, "runner up" in gone.stderr) == (4, True)
    assert traces() == before


def test_a_control_plane_takes_what_developers_validate_against_it(tmp_path: Path) -> None:
    with cluster(tmp_path, "--control-plane-only") as terminal:
        terminal.said("create", "namespace", "team")
        terminal.said("-n", "team", "create", "deployment", "web", "--image=registry.invalid/web:1")
        terminal.said("-n", "team", "create", "service", "clusterip", "web", "--tcp=80")
        terminal.said("-n", "team", "create", "role", "reader", "--verb=get", "--resource=pods")
        terminal.said("-n", "team", "create", "rolebinding", "reader", "--role=reader", "--serviceaccount=team:default")
        can = ("auth", "can-i", "-n", "team", "--as=system:serviceaccount:team:default")
        assert terminal.said(*can, "get", "pods") == "yes\n"
        assert terminal.kubectl(*can, "delete", "pods").stdout == "no\n"
        tried = terminal.said("create", "deployment", "dry", "--image=any", "--dry-run=server", "-o", "name")
        assert tried == "deployment.apps/dry\n"
        refused = terminal.kubectl("create", "deployment", "Bad_Name", "--image=any", "--dry-run=server")
        assert (refused.returncode, "Invalid value" in refused.stderr) == (1, True)
        assert terminal.said("get", "deployments", "--all-namespaces", "-o", "name") == "deployment.apps/web\n"
        kubeconfig = next(tmp_path.glob("k3s-in-gvisor/*/kubeconfig"))
        assert kubeconfig.stat().st_mode & 0o777 == 0o600


IN_A_SANDBOX_NOT_OURS = f"""
cd {ROOT} && export PYTHONPATH={ROOT}
mkfifo /tmp/out
{sys.executable} -m runner up --control-plane-only --arena here --results /tmp/results > /tmp/out 2> /tmp/err < /dev/null &
exec 3< /tmp/out && read -r first <&3 && echo "$first"
{sys.executable} -m runner kubectl create namespace team
kill -INT $! && wait $! ; echo "up ended with $?"
{sys.executable} -m runner kubectl get namespaces ; echo "kubectl ended with $?"
"""


def test_inside_gvisor_a_control_plane_is_used_the_same_way() -> None:
    done = in_sandbox(IN_A_SANDBOX_NOT_OURS, timeout_s=120)
    opened, *said = done.stdout.splitlines()
    assert "the cluster can be used" in opened, done.stderr
    assert said == ["namespace/team created", "up ended with 0", "kubectl ended with 4"], done.stderr


def test_a_cluster_that_is_killed_leaves_nothing_that_kubectl_would_take_for_one(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    process = subprocess.Popen(
        [*RUNNER, "up", "--control-plane-only", "--results", str(tmp_path)],
        env=terminal._environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert "the cluster can be used" in process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert terminal.kubectl("get", "namespaces").returncode == 4
