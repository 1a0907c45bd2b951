"""Blockers out of lines: every rule with a real line, near misses, and all recorded logs."""

import gzip
import random
import re
from collections import Counter
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from runner.core.blocker_rule import FIELD_NOTES, ORIGINAL, BlockerRule
from runner.core.blocker_rules import ROWS
from runner.core.blockers import RULES, TRIGGERS, UNCLASSIFIED, Matcher, classify
from runner.core.lines import parse_line
from runner.core.milestones import BEYOND, MilestoneFold

LOGS = Path(__file__).parent.parent / "logs"
NAMES = sorted(path.name.removesuffix(".log.gz") for path in LOGS.glob("*.log.gz"))

# Every k3s that gets as far as its agent says these; every one with a kubelet and a kube-proxy says those as well.
AGENT = {"net-sysctl-missing"}
CADVISOR = AGENT | {"diskstats-missing", "sys-class-net-missing"}
STATS = CADVISOR | {"oom-events-unavailable", "cpuacct-percpu-missing"}
KUBELET = STATS | {"imagefs-device-not-found", "ipset-unavailable"}
PROXY = KUBELET | {"osrelease-hidden", "iptables-match-unsupported", "nfacct-unsupported", "kube-proxy-sync-failed"}

# log -> fatal blockers, degrading blockers, exit status of the recorded run (124: still up at the time limit)
RUNS: dict[str, tuple[set[str], set[str], int]] = {
    "bare": ({"cgroup-mountpoint-missing"}, set(), 1),
    "no-cni": ({"host-local-not-found"}, set(), 124),
    "no-kmsg": ({"dev-kmsg-missing"}, CADVISOR, 0),
    "no-lsci": (
        {"cadvisor-root-stats-missing"},
        STATS | {"osrelease-hidden", "cadvisor-root-capacity-warning"},
        1,
    ),
    "no-intercept": ({"kubelet-sysctl-missing", "overcommit-memory-eio"}, STATS, 1),
    "no-net-sysctl": ({"route-localnet-missing"}, KUBELET | {"osrelease-hidden", "iptables-match-unsupported"}, 0),
    "nft": ({"iptables-nft-unsupported"}, KUBELET | {"osrelease-hidden"}, 0),
    "exp13": ({"flannel-vxlan-unsupported"}, PROXY, 0),
    "original-interceptor": ({"flannel-vxlan-unsupported"}, PROXY | {"iptables-target-corrupted"}, 0),
    "flannel-none": (set(), PROXY, 124),
    "mount-only": (set(), PROXY, 124),
    "slow-disk": ({"poststarthook-priority-classes"}, AGENT | {"kine-slow-sql", "database-locked"}, 2),
    "pod-bridge-network": ({"cni-bridge-hairpin-unsupported"}, PROXY, 124),
    "pod-running": (set(), PROXY, 124),
}


def _table() -> list[tuple[list[str], str, str]]:
    """Blockers, origin and line, from the text file beside this one."""
    rows = []
    text = (Path(__file__).parent / "blocker_lines.txt").read_text(encoding="utf-8")
    for block in re.split(r"^#: ", text, flags=re.MULTILINE)[1:]:
        head, line = block.removesuffix("\n").split("\n", 1)
        blockers, origin = head.split(" < ")
        rows.append(([] if blockers == "-" else sorted(blockers.split()), origin, line))
    return rows


LINES = _table()


def read(name: str) -> list[str]:
    return gzip.decompress((LOGS / f"{name}.log.gz").read_bytes()).decode().splitlines()


def ids(rules: tuple[BlockerRule, ...]) -> list[str]:
    return [rule.id for rule in rules]


def found_in(name: str) -> set[str]:
    return {rule.id for line in read(name) for rule in classify(line)}


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_run_shows_exactly_these_blockers(name: str) -> None:
    fatal, degrading, status = RUNS[name]
    found = found_in(name)
    assert {blocker for blocker in found if RULES[blocker].fatal} == fatal
    assert {blocker for blocker in found if not RULES[blocker].fatal} == degrading
    assert read(name)[-1].split()[:2] == ["EXIT", str(status)]


@pytest.mark.parametrize("name", NAMES)
def test_no_fatal_blocker_stands_in_a_run_that_got_beyond_it(name: str) -> None:
    fold = MilestoneFold()
    reached = {milestone for line in read(name) if (milestone := fold.see(line)) is not None}
    for blocker in found_in(name):
        if RULES[blocker].fatal:
            assert not BEYOND[RULES[blocker].lies_before] & reached, blocker


def test_one_failure_said_in_several_lines_is_one_blocker() -> None:
    count = Counter(rule.id for line in read("no-net-sysctl") for rule in classify(line))
    assert count["route-localnet-missing"] == 3  # klog line, 'Error:' line, shutdown request
    assert UNCLASSIFIED.id not in count


def test_the_go_panic_after_a_fatal_line_adds_nothing() -> None:
    lines = read("slow-disk")
    start = next(number for number, line in enumerate(lines) if line.startswith("F1123"))
    after = [blocker for line in lines[start:] for blocker in ids(classify(line))]
    assert set(after) == {"poststarthook-priority-classes", "database-locked"}


@pytest.mark.parametrize(
    ("expected", "origin", "line"),
    LINES,
    ids=[f"{n}-{','.join(row[0]) or 'none'}-{row[1]}" for n, row in enumerate(LINES)],
)
def test_a_line_shows_exactly_its_blockers(expected: list[str], origin: str, line: str) -> None:
    assert sorted(ids(classify(line))) == expected
    assert classify(parse_line(line)) == classify(line)
    if origin.startswith("log "):
        assert line in read(origin.removeprefix("log ")), "not a line of that log"


def test_every_rule_has_a_line_that_shows_it() -> None:
    assert {blocker for expected, _, _ in LINES for blocker in expected} == set(RULES)


def test_a_rule_seen_in_a_log_has_a_line_of_a_log() -> None:
    recorded = {blocker for expected, origin, _ in LINES for blocker in expected if origin.startswith("log ")}
    assert recorded == {blocker for fatal, degrading, _ in RUNS.values() for blocker in fatal | degrading}


@pytest.mark.parametrize("rule", ROWS, ids=lambda rule: rule.id)
def test_a_row_says_truly_where_it_was_seen(rule: BlockerRule) -> None:
    for place in rule.seen_in:
        if place not in {FIELD_NOTES, ORIGINAL} and not place.endswith(", quoted"):
            assert rule.id in found_in(place)
    in_logs = {name for name in NAMES if rule.id in RUNS[name][0] | RUNS[name][1]}
    assert not in_logs or in_logs & set(rule.seen_in), "seen in a log, and the row does not say so"
    for name in NAMES if rule.fatal else ():
        assert (rule.id in RUNS[name][0]) == (name in rule.seen_in)


@pytest.mark.parametrize("rule", [*ROWS, UNCLASSIFIED], ids=lambda rule: rule.id)
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None, max_examples=60)
@given(data=st.data())
def test_the_sieves_let_through_whatever_a_pattern_matches(rule: BlockerRule, data: st.DataObject) -> None:
    line = data.draw(st.from_regex(rule.pattern, alphabet=st.characters(codec="ascii", exclude_characters="\n")))
    assume("[PTRACE:" not in line and not re.search(r"\\[nrt]", line))  # taken out before a pattern sees the line
    expected = not (rule.unless and re.search(rule.unless, line))
    found = ids(classify(line))
    if rule is UNCLASSIFIED:
        # Whatever else the line shows, an end is never lost.
        assert not expected or any(RULES[blocker].fatal for blocker in found)
    else:
        assert (rule.id in found) == expected


def test_sieves_change_nothing_on_any_recorded_line() -> None:
    rules = [(rule, re.compile(rule.pattern), rule.unless and re.compile(rule.unless)) for rule in ROWS]
    for name in NAMES:
        for line in read(name):
            if line.startswith("[PTRACE:"):
                continue
            slow = [
                rule.id
                for rule, pattern, unless in rules
                if pattern.search(line) and not (unless and unless.search(line))
            ]
            assert [blocker for blocker in ids(classify(line)) if blocker != UNCLASSIFIED.id] == slow


def test_rules_do_not_depend_on_their_order() -> None:
    shuffled = list(ROWS)
    random.Random(13).shuffle(shuffled)  # noqa: S311  any order will do, the same each time
    matcher = Matcher(shuffled, UNCLASSIFIED)
    for _, _, line in LINES:
        assert set(ids(matcher.match(line))) == set(ids(classify(line))), line


def test_a_line_tries_only_the_rules_whose_words_it_has() -> None:
    others = [
        attrs.evolve(ROWS[0], id=f"other-{number}", keys=(f"word{number}",), pattern="failed") for number in range(1000)
    ]
    assert ids(Matcher(others, UNCLASSIFIED).match("this failed with word7 and no such thing")) == ["other-7"]


@pytest.mark.parametrize(
    "line",
    [
        'time="2026-11-23T14:15:07Z" level=fatal msg="the sky fell"',
        'time="2026-11-23T14:15:07Z" level=panic msg="the sky fell"',
        "F1123 14:18:24.588818      37 sky.go:204] it fell",
        "panic: runtime error: invalid memory address or nil pointer dereference",
        "fatal error: all goroutines are asleep - deadlock!",
        'time="2026-11-23T14:16:17Z" level=error msg="Shutdown request received: kube-scheduler exited: the sky fell"',
        'E1123 14:16:26.886352      33 kubelet.go:1703] "Failed to start ContainerManager" err="the sky fell"',
        'E1123 14:16:26.886352      33 run.go:72] "command failed" err="failed to run Kubelet: the sky fell"',
    ],
)
def test_an_unknown_end_is_unclassified_never_nothing(line: str) -> None:
    assert ids(classify(line)) == ["unclassified"]


def test_an_end_that_only_a_degrading_rule_explains_is_still_an_end() -> None:
    line = 'time="2026-11-23T14:15:07Z" level=fatal msg="starting kubernetes: database is locked"'
    assert ids(classify(line)) == ["database-locked", "unclassified"]


def test_a_known_end_is_not_unclassified_as_well() -> None:
    reason = "flannel exited: failed to register flannel network: operation not supported"
    line = f'time="2026-11-23T14:15:07Z" level=fatal msg="{reason}"'
    assert ids(classify(line)) == ["flannel-vxlan-unsupported"]


@given(path=st.text(alphabet=st.characters(exclude_characters="\n")))
def test_an_interceptors_line_never_matches(path: str) -> None:
    failure = "open /dev/kmsg: no such file or directory failed to find host-local"
    assert classify(f"[PTRACE:37] {path}{failure} -> /tmp/fake{failure}") == ()


def test_a_failure_cut_short_by_an_interceptors_line_is_judged_by_its_own_part() -> None:
    own = "E1123 14:16:43.827620 36 server.go:135] can't set sysctl net/ipv4/conf/all/route_localnet"
    assert ids(classify(f"{own}[PTRACE:37] /dev/kmsg -> /dev/null")) == ["route-localnet-missing"]


def test_a_word_after_an_escaped_newline_is_a_word() -> None:
    line = r'level=error msg="pull of two failed:\nOCI runtime create failed: unknown version specified\n"'
    assert ids(classify(line)) == ["crun-unknown-version"]


@given(text=st.text(max_size=300))
def test_no_text_makes_the_matcher_fail(text: str) -> None:
    classify(text)
    classify(f"F1123 {text}")


def test_severity_and_words_fit_the_rule() -> None:
    for rule in RULES.values():
        assert rule.component.strip() == rule.component
        assert all(link.startswith("https://") for link in rule.links), rule.id
        assert len(rule.advice) <= 80, rule.id
        assert rule.symptom.endswith((".", ")")), rule.id
    assert len(TRIGGERS) < 20


def test_a_row_with_a_bad_pattern_or_key_is_refused() -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        attrs.evolve(UNCLASSIFIED, pattern="(")
    with pytest.raises(ValueError, match="matches the empty line"):
        attrs.evolve(UNCLASSIFIED, pattern="x*")
    for key in ("two words", "GC", "1st"):
        with pytest.raises(ValueError, match="not one word"):
            attrs.evolve(UNCLASSIFIED, keys=(key,))
