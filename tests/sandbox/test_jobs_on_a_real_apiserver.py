"""The generated Jobs, and the pods they make, pass a real API server's validation and admission in a server-side dry run."""

import json
import subprocess
import sys
from pathlib import Path

import control_plane
import pytest
from command import ROOT

from runner.campaign.declaration import plan_of, read_matrix
from runner.formats.fan_out import jobs
from runner.supply.cache import Cache
from runner.supply.kubernetes import VERSION, cache_key, datastore_recipe, kubernetes_recipe

COMPONENTS, KINE = (
    Cache.of_user().entry(cache_key(recipe)) for recipe in (kubernetes_recipe(VERSION), datastore_recipe("kine"))
)
pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(
        COMPONENTS is None or KINE is None,
        reason="Kubernetes is not built yet: `runner run exp13 --workload kubernetes` does it, in minutes",
    ),
]
RUNTIME_CLASS = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "gvisor"},
    "handler": "runsc",
}


def kubectl(directory: Path, *commands: list[str]) -> list[list[object]]:
    """What a fresh API server answers; the pod admission that a service account needs has none of one to wait for."""
    assert COMPONENTS is not None
    assert KINE is not None
    alone = ("unshare", "--net", "--pid", "--fork", "--kill-child")
    done = subprocess.run(
        [*alone, sys.executable, control_plane.__file__, COMPONENTS.path, KINE.path / "kine", directory],
        input=json.dumps(commands),
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def written(directory: Path, name: str, document: object) -> str:
    path = directory / name
    path.write_text(json.dumps(document))
    return str(path)


def test_jobs_and_their_pods_are_accepted_and_a_misspelt_one_is_not(tmp_path: Path) -> None:
    plan = plan_of(read_matrix(ROOT / "matrix.toml"), here=True)
    made = json.loads(jobs(plan, image="registry.example/runner:1", claim="results", shards=3))
    template = made["items"][0]["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shard"}, **template}
    no_class = json.loads(json.dumps(pod).replace('"gvisor"', '"gvizor"'))
    misspelt = json.loads(json.dumps(made).replace('"runtimeClassName"', '"runtimeClasName"'))
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}}
    dry = ["apply", "--dry-run=server", "--validate=strict", "-o", "json", "-f"]
    said = kubectl(
        tmp_path,
        ["apply", "-f", written(tmp_path, "class.json", RUNTIME_CLASS)],
        ["apply", "-f", written(tmp_path, "account.json", account)],
        [*dry, written(tmp_path, "jobs.json", made)],
        [*dry, written(tmp_path, "pod.json", pod)],
        [*dry, written(tmp_path, "no-class.json", no_class)],
        [*dry, written(tmp_path, "misspelt.json", misspelt)],
        ["get", "jobs,pods", "-A", "-o", "name"],
    )
    codes = [code for code, _, _ in said]
    assert codes == [0, 0, 0, 0, 1, 1, 0], said
    accepted = json.loads(str(said[2][1]))
    assert [one["spec"]["template"]["spec"]["runtimeClassName"] for one in accepted["items"]] == ["gvisor"] * len(
        made["items"]
    )
    assert json.loads(str(said[3][1]))["spec"]["runtimeClassName"] == "gvisor"
    assert 'RuntimeClass "gvizor" not found' in str(said[4][2])
    assert "runtimeClasName" in str(said[5][2])
    assert said[6][1] == "", "a dry run leaves nothing"
