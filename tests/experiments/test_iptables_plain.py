"""What iptables-plain.sh makes of kube-proxy's and the kubelet's rules, with a recorder in iptables-legacy's place."""

import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

SCRIPT = files("experiments").joinpath("files", "iptables-plain.sh").read_text()


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The family under its names; each legacy one prints its words and its input."""
    for name in ("iptables", "iptables-restore", "iptables-save", "ip6tables"):
        (tmp_path / name).write_text(SCRIPT)
        legacy = tmp_path / name.replace("tables", "tables-legacy")
        legacy.write_text('#!/bin/sh\necho "$#:$*"\ncase $0 in *-restore) cat ;; esac\n')
        for path in (tmp_path / name, legacy):
            path.chmod(0o755)
    return tmp_path


def call(programs: Path, name: str, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(programs / name), *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "IPTABLES_DIRECTORY": str(programs)},
    )


def restored(programs: Path, *lines: str) -> list[str]:
    done = call(programs, "iptables-restore", "--noflush", stdin="".join(f"{line}\n" for line in lines))
    assert (done.returncode, done.stderr) == (0, "")
    head, *rest = done.stdout.splitlines()
    assert head == "1:--noflush"
    return rest


@pytest.mark.parametrize(
    ("rule", "plain"),
    [
        (
            '-A KUBE-SERVICES -m comment --comment "default/web:http cluster IP" -m tcp -p tcp -d 10.43.0.10 --dport 80 -j KUBE-SVC-A',
            "-A KUBE-SERVICES -m tcp -p tcp -d 10.43.0.10 --dport 80 -j KUBE-SVC-A",
        ),
        (
            "-A KUBE-SEP-A -m comment --comment default/web -m tcp -p tcp -j DNAT --to-destination 10.42.0.3:80",
            "-A KUBE-SEP-A -m tcp -p tcp -j DNAT --to-destination 10.42.0.3:80",
        ),
        (
            "-A KUBE-SEP-A -m comment --comment x -m recent --name KUBE-SEP-A --set -m tcp -p tcp -j DNAT --to-destination 10.42.0.3:80",
            "-A KUBE-SEP-A -m tcp -p tcp -j DNAT --to-destination 10.42.0.3:80",
        ),
        (
            "-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT",
            "-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT",
        ),
        (
            '-A KUBE-SERVICES -m comment --comment "last rule" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
            "-A KUBE-SERVICES -j KUBE-NODEPORTS",
        ),
    ],
)
def test_a_rule_loses_the_matches_that_gvisor_lacks_and_keeps_what_it_does(
    programs: Path, rule: str, plain: str
) -> None:
    assert restored(programs, "*nat", ":KUBE-SVC-A - [0:0]", rule, "COMMIT") == [
        "*nat",
        ":KUBE-SVC-A - [0:0]",
        plain,
        "COMMIT",
    ]


@pytest.mark.parametrize(
    "rule",
    [
        '-A KUBE-FIREWALL -m comment --comment "block it" -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
        "-A KUBE-FORWARD -m conntrack --ctstate INVALID -m nfacct --nfacct-name dropped -j DROP",
        "-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000",
        "-A KUBE-POSTROUTING -m comment --comment x -j MASQUERADE --random-fully",
        "-A KUBE-EXT-A -m comment --comment x -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ",
        "-A KUBE-EXTERNAL-SERVICES -m comment --comment x -m addrtype --dst-type LOCAL -m tcp -p tcp --dport 30080 -j REJECT",
        "-A KUBE-SVC-A -m comment --comment x -m recent --name KUBE-SEP-A --rcheck --seconds 10800 --reap -j KUBE-SEP-A",
    ],
)
def test_a_rule_that_would_mean_something_else_without_its_match_is_left_out(programs: Path, rule: str) -> None:
    assert restored(programs, rule) == []


def test_endpoints_share_the_ports_that_clients_are_given_and_none_is_left_over(programs: Path) -> None:
    chances = ("0.33333333349", "0.50000000000")
    rules = [
        f"-A KUBE-SVC-A -m comment --comment x -m statistic --mode random --probability {chance} -j KUBE-SEP-{number}"
        for number, chance in enumerate(chances)
    ]
    tcp = [line for line in restored(programs, *rules, "-A KUBE-SVC-A -j KUBE-SEP-2") if "udp" not in line]
    assert tcp == [
        "-A KUBE-SVC-A -p tcp --sport 0:32511 -j KUBE-SEP-0",
        "-A KUBE-SVC-A -p tcp --sport 32512:49023 -j KUBE-SEP-1",
        "-A KUBE-SVC-A -j KUBE-SEP-2",
    ]


def test_a_single_rule_is_handed_on_word_by_word_also_where_a_word_has_blanks(programs: Path) -> None:
    words = ("-w", "5", "-I", "INPUT", "-m", "conntrack", "--ctstate", "NEW", "-m", "comment", "--comment", "a b")
    assert call(programs, "iptables", *words, "-j", "KUBE-X").stdout == "6:-w 5 -I INPUT -j KUBE-X\n"
    assert call(programs, "ip6tables", "-N", "KUBE-X").stdout == "2:-N KUBE-X\n"
    assert call(programs, "iptables-save", "-t", "nat").stdout == "2:-t nat\n"


def test_a_rule_that_was_left_out_counts_as_there_until_it_is_deleted(programs: Path) -> None:
    rule = ("KUBE-FIREWALL", "-m", "conntrack", "!", "--ctstate", "DNAT", "-j", "DROP")
    for verb, code in (("-C", 0), ("-A", 0), ("-D", 1)):
        done = call(programs, "iptables", "-t", "filter", verb, *rule)
        assert (done.returncode, done.stdout) == (code, "")
