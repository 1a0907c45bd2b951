"""A matrix fanned out: as a workflow of GitHub Actions, and as Kubernetes Jobs for a cluster that has gVisor.

Both are made from the declaration alone. JSON is YAML, so nothing here quotes by hand what a version or a name might hold.
"""

import json
import re
from typing import Any, Final

from runner.core.matrix import Plan

# What the arena ``here`` needs: mounts, network devices, ptrace; all of them are the sandbox's own, never the node's.
CAPABILITIES: Final = ("SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "SYS_RESOURCE", "MKNOD", "DAC_READ_SEARCH")
RUNTIME_CLASS: Final = "gvisor"
MOUNTED: Final = "/results"
NAME_LIMIT: Final = 63


def workflow(plan: Plan, declaration: str) -> str:
    """A workflow: one job a build and workload, then one that merges and makes the page."""
    include = [
        {
            "name": _name(column.build.name, str(column.workload)),
            "runsc": column.build.name,
            "workload": str(column.workload),
        }
        for column in plan.columns
    ]
    # Platforms and mechanisms give several columns of one build and workload: they are one job.
    jobs = list({one["name"]: one for one in include}.values())
    lines = "\n".join(f"          - {json.dumps(one)}" for one in jobs)
    return _WORKFLOW.replace("@INCLUDE@", lines).replace("@DECLARATION@", declaration)


def jobs(plan: Plan, *, image: str, claim: str, shards: int, namespace: str = "") -> str:
    """Kubernetes Jobs, as one JSON list: an indexed Job a workload, of which every index runs one shard.

    Which gVisor there is, is the cluster's choice: the matrix's axis of builds has no place in these.

    Args:
        plan: The matrix, for the arena ``here``.
        image: An image with this project installed, its packages and the workload's binary.
        claim: A PersistentVolumeClaim that all write to; each shard has a directory of its own.
        shards: Into how many parts each workload's cells are cut.
        namespace: Where; empty leaves it to kubectl.
    """
    workloads = dict.fromkeys(str(column.workload) for column in plan.columns)
    items = [_job(workload, image, claim, shards, namespace) for workload in workloads]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2) + "\n"


def _job(workload: str, image: str, claim: str, shards: int, namespace: str) -> dict[str, Any]:
    name = _name("matrix", workload)
    script = (
        f'shard=$((JOB_COMPLETION_INDEX + 1)); exec runner matrix run --arena here --workload "$WORKLOAD"'
        f' --shard "$shard/{shards}" --results "{MOUNTED}/{name}-$shard"'
    )
    container = {
        "name": "runner",
        "image": image,
        "command": ["sh", "-c", script],
        "env": [{"name": "WORKLOAD", "value": workload}],
        "securityContext": {"runAsUser": 0, "capabilities": {"add": list(CAPABILITIES)}},
        "resources": {"requests": {"cpu": "2", "memory": "4Gi"}, "limits": {"memory": "8Gi"}},
        "volumeMounts": [{"name": "results", "mountPath": MOUNTED}],
    }
    pod = {
        "runtimeClassName": RUNTIME_CLASS,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [{"name": "results", "persistentVolumeClaim": {"claimName": claim}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "spec": {
            "completionMode": "Indexed",
            "completions": shards,
            "parallelism": shards,
            # An index that was evicted or killed goes on where it was: finished cells are on the volume.
            "backoffLimitPerIndex": 2,
            "template": {"spec": pod},
        },
    }


def _name(*words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")[:NAME_LIMIT].rstrip("-")


_WORKFLOW: Final = """\
# Made by `runner matrix workflow` from @DECLARATION@; change that, not this. Copy it to .github/workflows/ of a clone.
name: matrix

on:
  schedule:
    - cron: "23 3 * * 0"
  workflow_dispatch:

permissions:
  contents: read

jobs:
  cells:
    name: ${{ matrix.name }}
    runs-on: ubuntu-24.04
    timeout-minutes: 330
    strategy:
      fail-fast: false # one build that does not start says nothing about the others
      matrix:
        include:
@INCLUDE@
    env:
      RUNSC: ${{ matrix.runsc }}
      WORKLOAD: ${{ matrix.workload }}
      XDG_CACHE_HOME: ${{ github.workspace }}/.cache
    steps:
      - uses: actions/checkout@v5
      - uses: actions/setup-python@v6
        with:
          python-version: "3.12"
      - uses: actions/setup-go@v6
        with:
          go-version: stable
          cache: false
      # What was built before, and the cells that were finished before: a job that ran out of time goes on where it was.
      - uses: actions/cache@v4
        with:
          path: |
            .cache/k3s-in-gvisor
            results/cells
            results/facts
            results/exp*
          key: matrix-${{ matrix.name }}-${{ github.run_id }}-${{ github.run_attempt }}
          restore-keys: matrix-${{ matrix.name }}-
      - run: pip install .
      - name: Run what is left of these cells, for at most five hours
        run: |
          sudo -E "$(command -v runner)" matrix --declaration "@DECLARATION@" run \\
            --runsc "$RUNSC" --workload "$WORKLOAD" --budget 18000
      - name: Give the files to the user again, for the cache and the artifacts
        if: always()
        run: sudo chown -R "$(id -u):$(id -g)" results .cache || true
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: cells-${{ matrix.name }}
          path: results/
          if-no-files-found: error # nothing was run: never a silent success

  page:
    needs: cells
    if: always()
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v5
      - uses: actions/setup-python@v6
        with:
          python-version: "3.12"
      - run: pip install .
      - uses: actions/download-artifact@v5
        with:
          pattern: cells-*
          path: shards
      - run: runner merge shards/* --into merged --compress
      - if: always()
        run: |
          runner matrix --declaration "@DECLARATION@" page --results merged --out status.md
          cat status.md >> "$GITHUB_STEP_SUMMARY"
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: matrix
          path: |
            status.md
            status.html
            merged/
"""
