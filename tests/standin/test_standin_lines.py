"""Lines of recorded runs, taken apart and put together again by the stand-in's own formatting, must come out unchanged."""

import calendar
import json
import os
import re
import time
from pathlib import Path

import pytest
from standin_host import real_line

from runner.standin import go_text, lines

YEAR = 2026  # klog leaves it out


def nanoseconds(stamp: str, form: str, microseconds: str = "0") -> int:
    return calendar.timegm(time.strptime(stamp, form)) * 1_000_000_000 + int(microseconds) * 1000


@pytest.mark.parametrize(
    ("typed", "log", "needle"),
    [
        ("I", "exp13", "created PriorityClass system-node-critical"),
        ("I", "exp13", "Serving securely on 127.0.0.1:6444"),
        ("F", "slow-disk", "F1123"),
        ("W", "exp13", "Not collecting filesystem statistics"),
    ],
)
def test_klog_form(typed: lines.Severity, log: str, needle: str) -> None:
    real = real_line(log, needle)
    match = re.fullmatch(r"[IWEF](\d{4} \d\d:\d\d:\d\d)\.(\d{6}) +(\d+) (\S+)\] (.*)", real)
    assert match is not None
    stamp, micro, pid, site, text = match.groups()
    now = nanoseconds(f"{YEAR}{stamp}", "%Y%m%d %H:%M:%S", micro)
    assert lines.klog(typed, site, text, now_ns=now, pid=int(pid)) == real


def test_klog_structured_form_with_several_lines() -> None:
    real = real_line("flannel-none", "Failed to ensure chain jumps", more=4)
    said = "\n".join(line.removeprefix("\t") for line in real.split("\n")[1:4]) + "\n"
    fields: dict[str, lines.Value] = {
        "err": said,
        "table": "filter",
        "srcChain": "INPUT",
        "dstChain": "KUBE-EXTERNAL-SERVICES",
    }
    assert real.partition("] ")[2] == lines.klog_structured("Failed to ensure chain jumps", fields)


def test_klog_structured_form_quotes_and_numbers() -> None:
    fields: dict[str, lines.Value] = {"err": 'node "vm" not found', "port": 10250, "useActivePods": True}
    assert lines.klog_structured("m", fields) == r'"m" err="node \"vm\" not found" port=10250 useActivePods=true'


NFT = (
    "Shutdown request received: kube-proxy exited: iptables is not available on this host : error listing chain "
    '"POSTROUTING" in table "nat": exit status 1: iptables: Failed to initialize nft: Protocol not supported\n'
)


@pytest.mark.parametrize(
    ("level", "log", "needle", "message"),
    [
        ("error", "nft", "Shutdown request", NFT),
        ("info", "exp13", "Kine available", "Kine available at unix://kine.sock"),
        ("fatal", "bare", "level=fatal", "Error: cgroups: cgroup mountpoint does not exist"),
    ],
)
def test_logrus_form(level: lines.Level, log: str, needle: str, message: str) -> None:
    real = real_line(log, needle)
    assert lines.logrus(level, message, now_ns=logrus_time(real)) == real


def logrus_time(line: str) -> int:
    return nanoseconds(line.split('"')[1], "%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("level", ["info", "warning"])
def test_slow_sql_form(level: lines.Level) -> None:
    real = real_line("slow-disk", f'level={level} msg="Slow SQL')
    match = re.search(r"m=\+(\d+)\.(\d+)\) \(total time: (\d+)\.(\d+)s\): (.*)\" duration", real)
    started = re.search(r"started: (\S+ \S+?)\.(\d+) ", real)
    assert match is not None
    assert started is not None
    seconds, rest, whole, fraction, sql = match.groups()
    taken = go_text.duration(int(whole) * 10**9 + int(fraction.ljust(9, "0")))
    wall = nanoseconds(started[1], "%Y-%m-%d %H:%M:%S") + int(started[2].ljust(9, "0"))
    stamp = go_text.utc_time(wall, int(seconds) * 10**9 + int(rest))
    message = f"Slow SQL (started: {stamp}) (total time: {taken}): {sql}"
    assert lines.logrus(level, message, {"duration": taken}, now_ns=logrus_time(real)) == real


def test_etcd_client_form() -> None:
    real = real_line("slow-disk", '"logger":"etcd-client"')
    parsed = json.loads(real)
    stamp, _, micro = parsed.pop("ts").removesuffix("Z").partition(".")
    level, message = parsed.pop("level"), parsed.pop("msg")
    for known in ("logger", "caller"):
        parsed.pop(known)
    now = nanoseconds(stamp, "%Y-%m-%dT%H:%M:%S", micro)
    assert lines.etcd_json(level, message, parsed, now_ns=now) == real


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (80_500_000, "80.5ms"),
        (2_000, "2µs"),
        (1_454_527_087, "1.454527087s"),
        (60_000_000_000, "1m0s"),
        (3_723_500_000_000, "1h2m3.5s"),
    ],
)
def test_durations_are_gos(value: int, text: str) -> None:
    assert go_text.duration(value) == text


def test_errors_are_gos() -> None:
    assert go_text.path_error("open", "/dev/kmsg", FileNotFoundError(2, "x")) == real_error("no-kmsg", "open /dev/kmsg")
    assert go_text.errno_text(95) == "operation not supported"
    assert go_text.errno_text(5) == "input/output error"
    assert go_text.errno_text(93) == "protocol not supported"


def real_error(log: str, start: str) -> str:
    line = real_line(log, start)
    return line[line.index(start) :]


def test_quoting_is_gos() -> None:
    assert go_text.quote('a"b\\c\n\t\x01\x7fé\u200b') == r'"a\"b\\c\n\t\x01\x7fé\u200b"'


def test_a_line_is_one_write_and_survives_a_full_pipe(tmp_path: Path) -> None:
    path = tmp_path / "out"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        printer = lines.Printer(fd)
        printer.plain("x" * 100_000)
        printer.info("done", duration="1s")
    finally:
        os.close(fd)
    first, second = path.read_text().splitlines()
    assert len(first) == 100_000
    assert second.endswith("level=info msg=done duration=1s")
