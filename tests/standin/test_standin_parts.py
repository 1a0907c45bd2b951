"""Small deciders of the stand-in: the command line, netlink messages, CNI configuration."""

import errno
import struct
from pathlib import Path

import pytest

from runner.standin import cni, flags, netlink

EXPERIMENT_13 = (
    "--snapshotter=native",
    "--kubelet-arg=--fail-swap-on=false",
    "--kubelet-arg=--cgroups-per-qos=false",
    "--kubelet-arg=--enforce-node-allocatable=",
    "--kubelet-arg=--local-storage-capacity-isolation=false",
    "--kubelet-arg=--protect-kernel-defaults=false",
    "--kubelet-arg=--image-gc-high-threshold=100",
    "--kubelet-arg=--image-gc-low-threshold=99",
    "--disable=coredns,servicelb,traefik,local-storage,metrics-server",
    "--write-kubeconfig-mode=644",
)


def test_experiment_13s_command_line_is_understood() -> None:
    config = flags.parse(EXPERIMENT_13)
    assert config is not None
    assert config.flannel_backend == "vxlan"
    assert config.kubeconfig_mode == 0o644
    assert config.kubelet_args["local-storage-capacity-isolation"] == "false"
    assert config.kubelet_args["enforce-node-allocatable"] == ""
    assert not config.disable_agent


def test_a_value_may_follow_its_flag() -> None:
    assert flags.parse(["-d", "/x/", "--kubelet-arg", "v=2", "--disable-agent=false"]) == flags.Config(
        data_dir="/x", kubelet_args={"v": "2"}
    )


def test_help_is_no_configuration() -> None:
    assert flags.parse(["--help"]) is None


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--foo=1"], "flag provided but not defined: -foo"),
        (["--data-dir"], "flag needs an argument: -data-dir"),
        (["--data-dir=here"], "absolute path"),
        (["--write-kubeconfig-mode=rw"], "not an octal mode"),
        (["--disable-agent=perhaps"], 'invalid boolean value "perhaps"'),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(arguments: list[str], complaint: str) -> None:
    with pytest.raises(flags.UsageError, match=complaint):
        flags.parse(arguments)


def test_the_vxlan_request_is_what_flannel_asks_for() -> None:
    message = netlink.vxlan_request("flannel.1", vni=1, port=8472, mtu=1450)
    length, kind, request_flags = struct.unpack_from("=IHH", message)
    assert (length, kind) == (len(message), 16)  # RTM_NEWLINK
    assert request_flags == 0x605  # request, acknowledge, create, only if new
    top = attributes(message[32:])  # behind the netlink header and struct ifinfomsg
    info = attributes(top[18])
    data = attributes(info[2])
    assert top[3] == b"flannel.1\0"
    assert info[1] == b"vxlan\0"
    assert data[1] == struct.pack("=I", 1)
    assert data[15] == struct.pack(">H", 8472)


def attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while data:
        length, kind = struct.unpack_from("=HH", data)
        found[kind] = data[4:length]
        data = data[length + -length % 4 :]
    return found


def test_the_kernels_answer_is_an_errno() -> None:
    def answer(number: int) -> bytes:
        return struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -number) + b"\0" * 16

    assert netlink.error_number(answer(0)) == 0
    assert netlink.error_number(answer(errno.EOPNOTSUPP)) == errno.EOPNOTSUPP


@pytest.mark.parametrize("answer", [b"", b"\0" * 10, struct.pack("=IHHIIi", 20, 3, 0, 1, 0, 0)])
def test_an_answer_of_another_kind_is_not_taken_for_success(answer: bytes) -> None:
    with pytest.raises(ValueError, match="netlink answer"):
        netlink.error_number(answer)


@pytest.mark.parametrize(
    ("name", "content", "usable"),
    [
        ("10-a.conflist", '{"name": "a", "plugins": [{"type": "loopback"}]}', True),
        ("10-a.conf", '{"name": "a", "type": "bridge"}', True),
        ("10-a.conflist", '{"name": "a", "plugins": []}', False),
        ("10-a.conflist", '{"name": "a", "plugins": [{}]}', False),
        ("10-a.conflist", '{"plugins": [{"type": "loopback"}]}', False),
        ("10-a.conf", '{"name": "a", "plugins": [{"type": "loopback"}]}', False),
        ("10-a.conflist", '["a"]', False),
        ("10-a.conflist", "{", False),
        ("10-a.txt", '{"name": "a", "type": "bridge"}', False),
    ],
)
def test_only_cni_configuration_that_containerd_loads_counts(
    tmp_path: Path, name: str, content: str, *, usable: bool
) -> None:
    (tmp_path / name).write_text(content)
    assert cni.configured(str(tmp_path)) is usable


def test_the_first_cni_configuration_by_name_decides(tmp_path: Path) -> None:
    assert not cni.configured(str(tmp_path))
    assert not cni.configured(f"{tmp_path}/nowhere")
    (tmp_path / "20-good.conflist").write_text('{"name": "a", "plugins": [{"type": "loopback"}]}')
    assert cni.configured(str(tmp_path))
    (tmp_path / "10-bad.conflist").write_text("")
    assert not cni.configured(str(tmp_path))


def test_flannels_own_configuration_is_usable(tmp_path: Path) -> None:
    cni.write_flannel(f"{tmp_path}/net.d")
    assert cni.configured(f"{tmp_path}/net.d")
