"""Workflow and Jobs are made from the declaration: every build and workload once, whatever their names hold."""

import json
from pathlib import Path

import yaml

from runner.campaign.declaration import plan_of, read_matrix
from runner.formats.fan_out import jobs, workflow

DECLARED = Path(__file__).parents[2] / "matrix.toml"


def test_the_workflow_has_one_job_a_build_and_workload_and_merges_all() -> None:
    plan = plan_of(read_matrix(DECLARED))
    document = yaml.safe_load(workflow(plan, "matrix.toml"))
    include = document["jobs"]["cells"]["strategy"]["matrix"]["include"]
    assert [(one["runsc"], one["workload"]) for one in include] == list(
        dict.fromkeys((column.build.name, str(column.workload)) for column in plan.columns)
    )
    assert len({one["name"] for one in include}) == len(include)
    assert document["jobs"]["page"]["needs"] == "cells"


def test_jobs_run_in_gvisor_a_job_a_workload_and_a_shard_an_index() -> None:
    plan = plan_of(read_matrix(DECLARED), here=True)
    made = json.loads(jobs(plan, image="registry.example/runner:1", claim="results", shards=4, namespace="lab"))
    assert len(made["items"]) == len({str(column.workload) for column in plan.columns})
    for job in made["items"]:
        pod = job["spec"]["template"]["spec"]
        assert pod["runtimeClassName"] == "gvisor"
        assert job["spec"]["completions"] == 4
        assert job["metadata"]["namespace"] == "lab"
        assert len(job["metadata"]["name"]) <= 63
        assert pod["containers"][0]["env"][0]["value"] in {str(column.workload) for column in plan.columns}


def test_the_matrix_around_us_has_the_same_experiments_and_no_builds() -> None:
    plan = plan_of(read_matrix(DECLARED), here=True)
    assert {one.cell.arena for one in plan.placed} == {"here"}
    assert {one.cell.runsc for one in plan.placed} == {""}
    assert plan.experiments == plan_of(read_matrix(DECLARED)).experiments
