"""Which components there are, in which order, with which flags."""

import re
import tomllib
from pathlib import Path

import attrs
import pytest

from runner.cluster.components import Component, components, containerd_config
from runner.cluster.settings import Datastore, Settings
from runner.cluster.waiting import Api
from runner.model.step import ImagePreload
from runner.model.tagged import tag, untag
from runner.registry import find

SETTINGS = Settings(programs=Path("/p"), datastore_program=Path("/d/kine"), node="runsc", address="192.168.10.2")
DATASTORES: tuple[Datastore, ...] = ("kine", "etcd")


@pytest.mark.parametrize("datastore", DATASTORES)
def test_whoever_is_waited_for_stands_before_and_can_answer(datastore: Datastore) -> None:
    seen: dict[str, Component] = {}
    for component in components(attrs.evolve(SETTINGS, datastore=datastore)):
        for name in component.after:
            assert seen[name].answer is not None
        seen[component.name] = component
    assert {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"} < set(seen)
    assert datastore in seen


@pytest.mark.parametrize("datastore", DATASTORES)
def test_the_api_server_is_pointed_at_where_its_datastore_listens(datastore: Datastore) -> None:
    found = {component.name: component for component in components(attrs.evolve(SETTINGS, datastore=datastore))}
    (server,) = (flag for flag in found["kube-apiserver"].flags if flag.startswith("--etcd-servers="))
    listens = next(flag for flag in found[datastore].flags if re.match(r"--listen-(address|client-urls)=", flag))
    assert server.partition("=")[2] == listens.partition("=")[2]


def test_an_experiments_flag_comes_after_ours_so_that_it_holds() -> None:
    settings = attrs.evolve(SETTINGS, kubelet_args=("--read-only-port=10255",), kube_proxy_args=("--proxy-mode=ipvs",))
    found = {component.name: component.flags for component in components(settings)}
    assert found["kubelet"].index("--read-only-port=10255") > found["kubelet"].index("--read-only-port=0")
    assert found["kube-proxy"][-1] == "--proxy-mode=ipvs"


def test_who_is_started_before_there_are_certificates_reads_none() -> None:
    for component in components(SETTINGS):
        reads = any("/pki/" in flag or "kubeconfig=" in flag for flag in component.flags)
        assert reads == component.needs_pki


def test_the_api_is_asked_on_the_port_where_it_serves() -> None:
    apiserver = next(component for component in components(SETTINGS) if component.name == "kube-apiserver")
    assert isinstance(apiserver.answer, Api)
    assert f"--secure-port={apiserver.answer.port}" in apiserver.flags


def test_containerd_is_told_the_snapshotter() -> None:
    config = tomllib.loads(containerd_config(attrs.evolve(SETTINGS, snapshotter="native")))
    assert config["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]["snapshotter"] == "native"


@pytest.mark.parametrize("datastore", DATASTORES)
def test_every_components_name_survives_the_common_stream(datastore: Datastore) -> None:
    for component in components(attrs.evolve(SETTINGS, datastore=datastore)):
        assert untag(tag(component.name, "I1124 x.go:1] y")) == (component.name, "I1124 x.go:1] y")


def test_without_an_agent_there_is_a_control_plane_and_nothing_that_needs_a_node() -> None:
    names = {component.name for component in components(attrs.evolve(SETTINGS, agent=False))}
    assert names == {"kine", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}


def test_containerd_knows_the_pause_image_that_experiments_preload_and_where_plugins_are() -> None:
    config = tomllib.loads(containerd_config(SETTINGS))["plugins"]["io.containerd.grpc.v1.cri"]
    assert config["sandbox_image"] in {step.name for step in find("60").steps if isinstance(step, ImagePreload)}
    assert config["cni"]["bin_dir"] == "/opt/cni/bin"
