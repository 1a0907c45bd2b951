"""Bytes to lines, lines to records."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.lines import Line, LineSplitter, ParsedLine, parse_line, unescape

LIMIT = 8


def split(chunks: list[bytes], limit: int = LIMIT) -> list[Line]:
    splitter = LineSplitter(limit)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.close()


def texts(chunks: list[bytes]) -> list[str]:
    return [line.text for line in split(chunks, 64)]


# Few bytes, so that newlines, carriage returns, NULs, halves of characters and long lines meet often.
BYTES = st.lists(st.sampled_from([b"\n", b"\r", b"\0", b"a", b"\xc3", b"\xa4", b"\xff", b"0123456"]), max_size=40).map(
    b"".join
)


@given(data=BYTES, cuts=st.lists(st.integers(min_value=0, max_value=280), max_size=12))
def test_lines_do_not_depend_on_where_chunks_end(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(data)]
    chunks = [data[start:end] for start, end in pairwise(edges)]
    assert split(chunks) == split([data])


@given(data=BYTES)
def test_lines_are_what_a_plain_split_gives(data: bytes) -> None:
    pieces = data.split(b"\n")
    if not pieces[-1]:
        pieces.pop()
    whole = [piece.removesuffix(b"\r") for piece in pieces]
    lines = split([data])
    assert [line.text for line in lines] == [piece[:LIMIT].decode(errors="backslashreplace") for piece in whole]
    assert [line.truncated for line in lines] == [len(piece) > LIMIT for piece in whole]


@given(data=BYTES)
def test_what_is_missing_of_a_long_line_is_counted(data: bytes) -> None:
    lengths = [len(piece.removesuffix(b"\r")) for piece in data.split(b"\n")]
    if data.endswith(b"\n") or not data:
        lengths.pop()
    for line, length in zip(split([data]), lengths, strict=True):
        # Where the line was cut, its '\r' (if any) is among what was not looked at.
        assert line.dropped_bytes in {max(0, length - LIMIT), length + 1 - LIMIT}
        assert bool(line.dropped_bytes) == line.truncated


def test_a_huge_line_is_cut_and_the_next_one_is_whole() -> None:
    first, second = split([b"x" * 1000, b"y" * 1000 + b"\nnext\n"])
    assert (first.text, first.truncated, first.dropped_bytes) == ("x" * LIMIT, True, 2000 - LIMIT)
    assert second == Line(text="next")


def test_memory_stays_bounded_without_any_newline() -> None:
    splitter = LineSplitter(LIMIT)
    for _ in range(1000):
        splitter.feed(b"x" * 100)
    assert len(splitter._kept) <= LIMIT + 1
    assert splitter.close()[0].dropped_bytes == 100_000 - LIMIT


def test_a_line_that_just_fits_is_not_cut() -> None:
    assert split([b"12345678\r\n"]) == [Line(text="12345678")]


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([b"a\r\nb\n"], ["a", "b"]),
        ([b"a\r", b"\nb"], ["a", "b"]),
        ([b"50%\r100%\n"], ["50%\r100%"]),
        ([b"a\0b\n"], ["a\0b"]),
        ([b"\xff\xfe\n"], ["\\xff\\xfe"]),
        ([b"caf\xc3", b"\xa9\n"], ["café"]),
        ([b"\n\n"], ["", ""]),
        ([], []),
    ],
    ids=[
        "crlf",
        "crlf-in-two-chunks",
        "progress-bar",
        "nul",
        "not-utf-8",
        "character-in-two-chunks",
        "empty",
        "nothing",
    ],
)
def test_odd_bytes_survive(chunks: list[bytes], expected: list[str]) -> None:
    assert texts(chunks) == expected


def test_the_last_line_needs_no_newline_and_comes_once() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"one\ntwo") == [Line(text="one")]
    assert splitter.close() == [Line(text="two")]
    assert splitter.close() == []


def test_a_splitter_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 byte"):
        LineSplitter(0)


KLOG = 'F1123 14:18:24.588818      37 hooks.go:204] PostStartHook "x" failed: database is locked'
LOGRUS = (
    'time="2026-11-23T14:15:09Z" level=info msg="server is not ready: failed to find host-local: exec: '
    '\\"host-local\\": executable file not found in $PATH"'
)
CONTAINERD = (
    'time="2026-11-23T14:15:37.212345678+01:00" level=warning msg="failed to load plugin" '
    'error="invalid plugin config" id=cri'
)
ETCD = (
    '{"level":"warn","ts":"2026-11-23T14:18:23.994840Z","logger":"etcd-client","caller":"retry.go:65",'
    '"msg":"retrying of unary invoker failed","error":"rpc error: code = Unknown desc = database is locked"}'
)
PTRACE = "[PTRACE:33] /proc/sys/net/ipv4/conf/all/route_localnet -> /tmp/fake-procsys/net/ipv4/conf/all/route_localnet"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            KLOG,
            ParsedLine(
                text=KLOG,
                format="klog",
                time_text="1123 14:18:24.588818",
                level="fatal",
                component="kube-apiserver",
                message='PostStartHook "x" failed: database is locked',
            ),
        ),
        (
            LOGRUS,
            ParsedLine(
                text=LOGRUS,
                format="logrus",
                time_text="2026-11-23T14:15:09Z",
                level="info",
                message="server is not ready: failed to find host-local: exec: "
                '"host-local": executable file not found in $PATH',
            ),
        ),
        (
            CONTAINERD,
            ParsedLine(
                text=CONTAINERD,
                format="logrus",
                time_text="2026-11-23T14:15:37.212345678+01:00",
                level="warning",
                message="failed to load plugin",
                fields='error="invalid plugin config" id=cri',
            ),
        ),
        (
            ETCD,
            ParsedLine(
                text=ETCD,
                format="json",
                time_text="2026-11-23T14:18:23.994840Z",
                level="warning",
                component="etcd-client",
                message="retrying of unary invoker failed: rpc error: code = Unknown desc = database is locked",
            ),
        ),
        (
            PTRACE,
            ParsedLine(
                text=PTRACE, format="ptrace", component="interceptor", message=PTRACE.removeprefix("[PTRACE:33] ")
            ),
        ),
    ],
    ids=["klog", "logrus", "containerd", "etcd-json", "ptrace"],
)
def test_each_format_is_taken_apart(text: str, expected: ParsedLine) -> None:
    assert parse_line(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Error: iptables is not available on this host",
        "I am not klog",
        "E1123 14:18:24 short stamp",
        'time="2026" but no level',
        "{not json",
        '{"level":"info"}',
        "[1, 2]",
        "[PTRACE: 1] odd",
        "[" * 100_000,
        "{" * 100_000,
        "\0\0",
    ],
)
def test_what_has_no_known_form_is_plain_and_keeps_its_text(text: str) -> None:
    assert parse_line(text) == ParsedLine(text=text, message=text)


@given(text=st.text(max_size=200))
def test_no_text_makes_the_parser_fail(text: str) -> None:
    for start in ("", "I1123 14:15:47.018073 33 a.go:1] ", 'time="x" level=info msg="', "{", "[PTRACE:1] ", "panic: "):
        assert parse_line(start + text).text == start + text


def test_a_logrus_line_cut_in_its_message_still_has_one() -> None:
    parsed = parse_line('time="2026-11-23T14:15:09Z" level=error msg="half of \\"it')
    assert (parsed.level, parsed.message) == ("error", 'half of "it')


def test_an_unquoted_logrus_message_is_read() -> None:
    parsed = parse_line("time=2026-11-23T14:15:09Z level=info msg=started pid=7")
    assert (parsed.message, parsed.fields, parsed.time_text) == ("started", "pid=7", "2026-11-23T14:15:09Z")


def test_a_go_panic_has_its_level() -> None:
    assert parse_line("panic: F1123 x").level == "panic"
    assert parse_line("fatal error: sync: inconsistent mutex state").level == "fatal"


def test_a_file_of_several_components_names_none() -> None:
    assert parse_line("I1123 14:15:47.018073      33 shared_informer.go:356] x").component is None
    assert parse_line("I1123 14:15:47.018073      33 kubelet.go:2451] x").component == "kubelet"


@pytest.mark.parametrize(
    ("quoted", "expected"),
    [
        (r"plain", "plain"),
        (r"a\nb\tc", "a\nb\tc"),
        (r"\"q\" \\ end", '"q" \\ end'),
        (r"\x00\u00e9\000", "\0é\0"),
        (r"C:\windows", r"C:\windows"),
        ("ends in \\", "ends in \\"),
    ],
)
def test_go_quoting_is_undone(quoted: str, expected: str) -> None:
    assert unescape(quoted) == expected
