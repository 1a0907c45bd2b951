"""In-program screening: the routine says "not in the view" only where the rules do, and is put only where it is safe."""

import contextlib
import ctypes
import mmap
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from launcher_driver import run, start

from runner.intercept import screener_x86_64 as code
from runner.intercept.emit import EVENTS_PER_PATH
from runner.intercept.go_program import GoPrograms
from runner.intercept.hit_table import HitTable, entry_of
from runner.intercept.records import Redirected
from runner.intercept.rules import Rules, Screening, compile_rules
from runner.intercept.screener import HOT_CALLS, make_pages
from runner.model.view import View, ViewFile, ViewTree

pytestmark = pytest.mark.ptrace

SOURCE = Path(code.__file__).with_suffix(".S")
VIEW = View(
    trees=(ViewTree(prefix="/proc/sys", part="p"), ViewTree(prefix="/made/up/tree", part="p")),
    files=tuple(
        ViewFile(path=path, content="1\n", reason="test", part="p")
        for path in ("/proc/sys/kernel/panic", "/made/up/tree/below", "/var/lib/single.conf")
    ),
)
SYSCALL, UD2 = bytes.fromhex("0f05"), bytes.fromhex("0f0b")
OPENAT, NEWFSTATAT, READLINKAT, FACCESSAT, FACCESSAT2 = code.SCREENED.values()
NOFOLLOW = 0x100
# What a file that is to be made answers: the number of openat2, which refuses links.
MADE = 437


class Routine:
    """The routine, called from here: what it is called for is no system call, its look for a link is a real one."""

    def __init__(self, rules: Rules) -> None:
        self.pages = make_pages(rules, (1000, None))
        self._code = mmap.mmap(-1, code.FILE_SIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        taken = bytearray(code.CODE)
        calls = [match.start() for match in re.finditer(re.escape(SYSCALL), code.CODE)]
        _look, let_go, make, *serving, ask = calls
        assert len(serving) == 3
        taken[make : make + 2] = bytes.fromhex("0c01")
        taken[let_go : let_go + 2] = bytes.fromhex("0c01")  # or al, 1: all numbers are odd, or become so
        taken[ask : ask + 2] = bytes.fromhex("31c0")  # xor eax, eax
        self._taken = bytes(taken)
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        self._kind = ctypes.CFUNCTYPE(ctypes.c_long, *(ctypes.c_void_p,) * 4)

    def __call__(self, path: bytes, flags: int = os.O_RDONLY, number: int = OPENAT) -> bool:
        """Whether the tracer would be asked about a call."""
        self._code[:] = self.pages.memory[:]
        self._code[: len(self._taken)] = self._taken
        # A caller as C knows it: mov eax, NUMBER; mov r10, rcx; jmp the routine. It lies where the gates are.
        at = code.GATES_AT
        caller = b"\xb8" + number.to_bytes(4, "little") + bytes.fromhex("4989ca")
        caller += b"\xe9" + (-(at + len(caller) + 5)).to_bytes(4, "little", signed=True)
        self._code[at : at + len(caller)] = caller
        text = ctypes.create_string_buffer(path)
        third, fourth = (flags, 0) if number == OPENAT else (0, flags)
        answer = self._kind(self._address + at)(-100, ctypes.addressof(text), third, fourth)
        assert answer in (0, number | 1, MADE)
        return answer == 0


@pytest.fixture(scope="module")
def rules() -> Rules:
    return compile_rules(VIEW, "/layer", ("/usr/bin/watched",))


@pytest.fixture(scope="module")
def routine(rules: Rules) -> Routine:
    return Routine(rules)


@pytest.mark.skipif(shutil.which("objcopy") is None or shutil.which("gcc") is None, reason="needs gcc and binutils")
def test_the_committed_bytes_are_what_the_source_assembles_to(tmp_path):
    target, raw = tmp_path / "screener.o", tmp_path / "screener.bin"
    subprocess.run(["gcc", "-c", "-o", target, SOURCE], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".text", target, raw], check=True)
    assert raw.read_bytes() == code.CODE
    symbols = subprocess.run(["nm", target], check=True, capture_output=True, text=True).stdout
    labels = {words[2]: int(words[0], 16) for words in map(str.split, symbols.splitlines())}
    assert (labels["screen"], labels["ask"], labels["asked"]) == (0, code.ASK, code.ASKED)


COMPONENTS = st.sampled_from(
    ["proc", "root", "cwd", "fd", "task", "sys", "kernel", "panic", "made", "up", "tree", "below", "single.conf",
     "watched", "etc", "passwd", "x",      "..", ".", "", ".hidden", "self", "usr", "lib", "a" * 300]
) | st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), max_size=12)  # fmt: skip
FLAGS = st.sampled_from([
    os.O_RDONLY, os.O_CLOEXEC, os.O_WRONLY | os.O_TRUNC, os.O_CREAT | os.O_RDWR, os.O_NOFOLLOW, os.O_DIRECTORY,
    os.O_TMPFILE | os.O_RDWR, os.O_PATH, NOFOLLOW,
])  # fmt: skip


@given(
    components=st.lists(COMPONENTS, max_size=6),
    absolute=st.booleans(),
    slash=st.booleans(),
    flags=FLAGS,
    number=st.sampled_from(tuple(code.SCREENED.values())),
)
@settings(max_examples=2000)
def test_what_the_routine_lets_go_the_rules_let_go_too(rules, routine, components, absolute, slash, flags, number):
    path = "/" * absolute + "/".join(components) + "/" * slash
    if routine(os.fsencode(path), flags, number):
        return
    assert path.startswith("/")
    assert number != READLINKAT or not path.startswith("/proc/")
    assert number != OPENAT or not flags & os.O_NOFOLLOW
    follows = number in (OPENAT, FACCESSAT) or (number != READLINKAT and not flags & NOFOLLOW)
    if number == OPENAT and flags & os.O_CREAT:
        follows = False  # the kernel refuses any link
    screening = rules.screen(path, follows=follows, creates=False)
    if screening is Screening.LAST:
        with contextlib.suppress(OSError):  # a name too long
            assert not Path(path).is_symlink()
    else:
        assert screening is Screening.NO


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "/made/elsewhere", "/x/made/up/tree/y", "/usr/lib/x86_64-linux-gnu/libc.so.6", "/x",
     "/var/lib/rancher/k3s/server/tls/client-ca.crt", "/sys/fs/cgroup/cpuacct/cpuacct.stat", "/nothing/there",
     "/proc/1/stat", "/proc/meminfo", "/proc/1/fd", "/proc/1/task"],
)  # fmt: skip
def test_ordinary_paths_are_let_go(routine, path):
    assert not routine(path.encode())


@pytest.mark.parametrize(
    "path",
    ["/proc/sys/kernel/panic", "/proc/1/root/etc/passwd", "/proc/1/cwd/x", "/proc/1/fd/3/x",
     "/proc/1/task/1/root/x", "/proc/self", "/proc/sys/any", "/made/up/tree/any/x", "/made/up/tree",
     "/other/single.conf", "/usr/bin/watched", "/etc//passwd", "/etc/./passwd", "/etc/../passwd", "/etc/", "/", "",
     "relative", "/" + "a/" * 2048 + "a"],
)  # fmt: skip
def test_paths_that_could_reach_the_view_are_asked_about(routine, path):
    assert routine(path.encode())


def test_a_link_at_the_end_is_asked_about_and_links_before_it_are_not(routine, tmp_path):
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "file").touch()
    (tmp_path / "link").symlink_to("directory")
    (tmp_path / "nowhere").symlink_to("nothing")
    assert routine(os.fsencode(tmp_path / "link"))
    assert routine(os.fsencode(tmp_path / "nowhere"))
    assert not routine(os.fsencode(tmp_path / "link" / "file"))


def test_a_link_that_is_itself_meant_is_let_go(routine, tmp_path):
    (tmp_path / "link").symlink_to("/proc/sys/kernel/panic")
    link = os.fsencode(tmp_path / "link")
    assert not routine(link, number=READLINKAT)
    assert not routine(link, NOFOLLOW, NEWFSTATAT)
    assert not routine(link, NOFOLLOW, FACCESSAT2)
    assert routine(link, 0, NEWFSTATAT)
    assert routine(link, 0, FACCESSAT2)
    assert routine(link, NOFOLLOW, FACCESSAT)  # this call has no flags


def test_a_name_that_programs_make_in_the_view_is_asked_about_from_then_on(rules):
    routine = Routine(rules)
    assert not routine(b"/tmp/new-name")
    routine.pages.ask_for("new-name")
    assert routine(b"/tmp/new-name")


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_the_routine_and_the_tracer_mean_the_same_bit_by_a_name(name):
    routine = Routine(compile_rules(View(), "/layer"))
    path = b"/nothing/" + name
    if name.startswith(b"."):
        assert routine(path)
        return
    asked_before = routine(path)
    routine.pages.ask_for(os.fsdecode(name))
    assert routine(path)
    # Another name shares the bit once in sixteen thousand times; "proc" is no last component here.
    assert not asked_before
    assert 0 <= code.sieve_bit(name) < 8 * code.SIEVE_BYTES


# Instructions around the system calls of real programs: k3s v1.34.1 (Go 1.26), Debian 12's libc and ld.so.
GO = "4889ce4889df0f05483d01f0ffff"
LIBC_OPEN = "bf9cffffffb8010100000f05483d00f0ffff"
LIBC_OPEN_NOCANCEL = "b8010100004889febf9cffffff0f05483d00f0ffff"
LIBC_SYSCALL = "4c8b4c24080f05483d01f0ffff"
LIBC_STAT = "4989d24889f2b8060100000f053d00f0ffff770731"
LIBC_ACCESS = "b8b70100000f05483d00f0ffff"
WRAPPERS = [GO, LIBC_OPEN, LIBC_OPEN_NOCANCEL, LIBC_SYSCALL, LIBC_STAT, LIBC_ACCESS]


def around(text: str) -> tuple[int, bytes]:
    """An address for the system call in a piece of code, and the piece as it is asked for."""
    whole = bytes.fromhex(text)
    before, after = whole[: whole.index(SYSCALL)], whole[whole.index(SYSCALL) :]
    return 0x402000, before.rjust(code.LONGEST_SEQUENCE, b"\xcc") + after


@pytest.mark.parametrize("text", WRAPPERS)
def test_the_wrappers_of_real_programs_are_recognised(text):
    site = code.recognise(*around(text))
    assert site is not None
    assert site.call == 0x402000
    assert len(site.sequence.code) >= 5


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("b8010100000f0589c3909090909090", id="flags or result are used otherwise behind it"),
        pytest.param("b8020100000f05483d00f0ffff", id="a call that the routine does not know"),
        pytest.param("4889ce4889de0f05483d01f0ffff", id="other instructions before it"),
        pytest.param("ff24250006000f05483d00f0ffff", id="patched by somebody else"),
    ],
)
def test_code_that_is_not_known_is_left_as_it_is(text):
    assert code.recognise(*around(text)) is None


@pytest.mark.skipif(shutil.which("objdump") is None, reason="needs binutils")
@pytest.mark.parametrize("text", WRAPPERS)
def test_a_gate_runs_what_it_replaced_and_returns_behind_the_call(tmp_path, text):
    base, index = 0x7000_0000, 3
    site = code.recognise(*around(text))
    gate = tmp_path / "gate"
    gate.write_bytes(code.gate(base, index, site, (257, 262, 439)))
    at = code.gate_address(base, index)
    shown = subprocess.run(
        ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", f"--adjust-vma={at:#x}", gate],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert gate.read_bytes().startswith(site.sequence.code)
    assert f"call   {base:#x}" in shown
    assert shown.rstrip().endswith(f"jmp    {site.call + 2:#x}")
    if site.sequence.number is None:
        screening = next(line.split(":")[0].strip() for line in shown.splitlines() if "lea    -0x80(%rsp),%rsp" in line)
        assert shown.count(f"je     0x{screening}") == 3
        assert f"jmp    {site.call:#x}" in shown
    assert "(bad)" not in shown
    jump = code.jump(base, index, site)
    assert jump[0] == 0xE9
    assert site.start + 5 + int.from_bytes(jump[1:], "little", signed=True) == at


@given(st.integers(0x400000, 0x7FFF_FFFF_F000))
def test_the_place_that_is_asked_for_can_be_reached(call):
    hint = code.page_hint(call)
    assert hint % code.PAGE == 0
    assert hint > 0
    assert code.reaches(hint, call)


def test_the_one_place_of_a_go_program_is_found_in_its_file(build):
    with subprocess.Popen([build.go("manygo"), "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        program.stdout.readline()
        found = GoPrograms().call_of(program.pid)
        assert found is not None
        with Path(f"/proc/{program.pid}/mem").open("rb") as memory:
            memory.seek(found - code.LONGEST_SEQUENCE)
            assert code.recognise(found, memory.read(code.AROUND)) is not None
        program.stdin.close()


def test_a_program_that_is_not_gos_has_none(build):
    assert GoPrograms().call_of(os.getpid()) is None


def stops(build, world, *words: str, launcher=None) -> dict[str, int]:
    options = {} if launcher is None else {"launcher": launcher}
    outcome = start(world, "seccomp", [build.c("manners", static=True), *words], **options).finish()
    assert outcome.code == 0
    return outcome.report.stops


def test_a_place_that_opens_often_stops_no_more(build, world):
    few, many = (stops(build, world, "opens", str(world.out / "plain"), str(n))["seccomp"] for n in (20, 5020))
    assert few == many
    assert few < HOT_CALLS + 10


def test_a_hit_of_the_routine_costs_one_stop_and_leaves_the_registers_to_it(build, world):
    few, many = (stops(build, world, "opens", str(world.tree / "only/new"), str(n)) for n in (20, 90))
    assert many["seccomp"] - few["seccomp"] == 70
    assert many["syscall"] == few["syscall"]


def test_hits_that_are_only_counted_cost_no_stop_and_are_counted(build, world):
    path = str(world.tree / "only/new")
    outcome = run(world, "seccomp", [build.c("manners", static=True), "opens", path, "3000"])
    assert outcome.report.redirects_by_path == {path: 3000}
    assert len(outcome.of(Redirected)) == EVENTS_PER_PATH
    assert outcome.report.stops["seccomp"] < EVENTS_PER_PATH + HOT_CALLS + 20


@pytest.mark.parametrize("mechanism", ["mount", "seccomp", "syscall"])
def test_an_often_opened_file_is_what_it_is_whatever_changes_around_it(build, world, tmp_path, mechanism):
    path = world.tree / "only/new"
    jail = tmp_path / "jail"
    inside = jail / path.relative_to("/")
    inside.parent.mkdir(parents=True)
    inside.write_text("jailed\n")
    outcome = run(world, mechanism, [build.c("manners", static=True), "served", str(path), str(jail)])
    assert outcome.output.splitlines() == [
        "often: new", "with flags: new", "as a directory: ENOTDIR", "changed: changed", "truncated: ", "gone: ENOENT",
        "back: back", "a directory now: EISDIR", "new: new", "in a jail: jailed", "outside it: new",
        "other descriptors: new", "no descriptors: new",
    ]  # fmt: skip
    if mechanism == "seccomp":
        # Every open for reading that found the file is there, whoever redirected it.
        assert outcome.report.redirects_by_path[str(path)] >= 300


def test_a_table_that_is_full_or_closed_admits_no_more():
    memory = mmap.mmap(-1, code.FILE_SIZE)
    table = HitTable(memory)
    texts = [f"/tree/{number}".encode() for number in range(600)]
    admitted = [text for text in texts if table.admit(text, text.decode())]
    assert len({entry_of(code.text_hash(text)) for text in admitted}) == len(admitted) <= code.TABLE_ENTRIES
    assert table.admit(admitted[0], admitted[0].decode())
    assert not table.admit(next(text for text in texts if text not in admitted), "/other")
    table.close()
    assert not table.admit(admitted[0], admitted[0].decode())
    for text in admitted:
        place = code.TABLE_AT + entry_of(code.text_hash(text)) * code.TABLE_ENTRY_BYTES
        assert memory[place : place + 8] == bytes(8)


def test_what_programs_counted_is_told_once():
    memory = mmap.mmap(-1, code.FILE_SIZE)
    table = HitTable(memory)
    assert table.admit(b"/tree/x", "/tree/x")
    count = code.TABLE_AT + entry_of(code.text_hash(b"/tree/x")) * code.TABLE_ENTRY_BYTES + 8
    memory[count] = 7
    assert list(table.news()) == [("/tree/x", 7)]
    assert list(table.news()) == []
    table.close()
    memory[count] = 9
    assert list(table.news()) == [("/tree/x", 2)]


def test_a_program_with_two_threads_is_never_patched(build, world):
    few, many = (stops(build, world, "busyopens", str(world.out / "plain"), str(n))["seccomp"] for n in (20, 520))
    assert many - few == 500


def test_a_vfork_child_does_not_patch_its_parents_memory(build, world):
    few, many = (stops(build, world, "vforkopens", str(world.out / "plain"), str(n))["seccomp"] for n in (20, 520))
    assert many - few == 500


def test_children_find_what_their_parent_was_patched_with(build, world):
    outcome = run(world, "seccomp", [build.c("manners", static=True), "hotchildren", str(world.tree / "only/new"), "8"])
    assert outcome.output == "8 of 8 children read it\n"
    assert outcome.report.redirects_by_path == {str(world.tree / "only/new"): 8 * 40 + 40}
    assert len(outcome.of(Redirected)) == EVENTS_PER_PATH


def test_files_are_made_without_asking_where_no_link_leads(build, world):
    """A new file of an ordinary directory, and one that a link puts into the view."""
    ordinary, linked = world.out / "made", world.out / "to-tree/only/made"
    for path, asked in ((ordinary, False), (linked, True)):
        few, many = (stops(build, world, "makes", str(path), str(n))["seccomp"] for n in (40, 140))
        assert (many - few >= 100) is asked
        assert (many - few <= 5) is not asked
    assert ordinary.exists()
    assert not (world.tree / "only").exists()
