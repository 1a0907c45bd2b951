"""Files and directories are whole or not there: killed at every line, written by several at once, on full disks."""

import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner import atomic

OLD, NEW = b"old " * 5000, b"new " * 9000


def partials(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.name.endswith(".partial"))


# One process a line of runner/atomic.py: it runs up to there and is killed as the line is about to be executed.
KILLED_AT_EVERY_LINE = """
import os, shutil, signal, sys
from pathlib import Path
from runner import atomic

target, what = Path(sys.argv[1]), sys.argv[2]
old, new = b"old " * 5000, b"new " * 9000

def write():
    if what == "file":
        atomic.write_bytes(target, new)
    else:
        with atomic.making(target) as partial:
            for name in "abc":
                (partial / name).write_bytes(new)

def found():
    if what == "file":
        return target.read_bytes() == new if target.exists() else None
    return [path.read_bytes() for path in sorted(target.iterdir())] == [new] * 3 if target.exists() else None

def killed_at(line):
    left = line
    def each(frame, event, argument):
        nonlocal left
        if frame.f_code.co_filename == atomic.__file__ and event == "line":
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
        return each
    sys.settrace(each)
    write()
    os._exit(0)

line, states = 0, []
while True:
    line += 1
    if what == "file":
        target.write_bytes(old)
    elif target.exists():
        shutil.rmtree(target)
    child = os.fork()
    if not child:
        killed_at(line)
    status = os.waitpid(child, 0)[1]
    if what == "file":
        assert target.read_bytes() in {old, new}, f"half a file, killed at line {line}"
    else:
        assert found() in {None, True}, f"half a directory, killed at line {line}"
    states.append(bool(found()))
    if not status:
        break
    if not states[-1] and line % 2:  # every other time the next writer meets what two killed ones have left
        write()
        assert found()
        assert [path.name for path in target.parent.iterdir()] == [target.name]
print(line, states.index(True) + 1)
"""


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_writer_killed_at_any_line_leaves_old_or_new_and_the_next_one_cleans_up(what, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EVERY_LINE, str(tmp_path / "target"), what],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines, first_with_the_new_one = map(int, done.stdout.split())
    assert 10 < first_with_the_new_one < lines


def test_writers_at_once_take_turns_and_readers_see_whole_files(tmp_path):
    target = tmp_path / "target"
    atomic.write_bytes(target, b"\0" * 200_000)
    code = """
        import sys
        from pathlib import Path
        from runner import atomic
        for _ in range(100):
            atomic.write_bytes(Path(sys.argv[1]), bytes([int(sys.argv[2])]) * 200_000, durable=False)
        """
    command = [sys.executable, "-c", textwrap.dedent(code), str(target)]
    writers = [subprocess.Popen([*command, str(number)]) for number in (1, 2, 3)]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        content = target.read_bytes()
        assert len(content) == 200_000
        assert len(set(content)) == 1
        seen.add(content[0])
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert len(seen) > 1
    assert partials(tmp_path) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(former=st.none() | st.binary(), left=st.none() | st.binary(min_size=3), content=st.binary())
def test_whatever_was_there_or_was_left_is_replaced(tmp_path, former, left, content):
    target = tmp_path / "target"
    target.unlink(missing_ok=True)
    if former is not None:
        target.write_bytes(former)
    if left is not None:
        (tmp_path / ".target.partial").write_bytes(left)
    atomic.write_bytes(target, content, durable=False)
    assert target.read_bytes() == content
    assert partials(tmp_path) == []


def test_a_block_that_fails_leaves_the_former_file(tmp_path):
    target = tmp_path / "target"
    target.write_bytes(OLD)
    with pytest.raises(TypeError), atomic.writing(target) as file:
        file.writelines([NEW, None])
    assert target.read_bytes() == OLD
    assert partials(tmp_path) == []


def test_a_full_disk_leaves_the_former_file(tmp_path):
    code = """
        import resource, signal, sys
        from pathlib import Path
        from runner import atomic
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        atomic.write_bytes(Path(sys.argv[1]), b"new " * 9000)
        """
    target = tmp_path / "target"
    target.write_bytes(OLD)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(target)], capture_output=True, text=True, check=False
    )
    assert "File too large" in done.stderr
    assert target.read_bytes() == OLD
    assert partials(tmp_path) == []


def test_a_directory_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError), atomic.making(tmp_path / "target") as partial:
        (partial / "half").write_bytes(NEW) and (partial / "missing").unlink()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_does_not_replace_another(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "kept").touch()
    with pytest.raises(OSError, match="not empty"), atomic.making(tmp_path / "target") as partial:
        (partial / "new").touch()
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["kept"]
    assert partials(tmp_path) == []


def test_a_directory_meets_what_a_killed_writer_has_left(tmp_path):
    left = tmp_path / ".target.partial"
    (left / "deep").mkdir(parents=True)
    (left / "deep" / "half").write_bytes(OLD)
    (left / "link").symlink_to(tmp_path)
    with atomic.making(tmp_path / "target") as partial:
        (partial / "new").write_bytes(NEW)
    assert [path.name for path in (tmp_path / "target").iterdir()] == ["new"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    former = os.umask(0o022)
    yield
    os.umask(former)


@pytest.mark.usefixtures("umask")
def test_permission_bits_are_the_given_the_former_or_the_umasks(tmp_path):
    fresh, changed, secret = tmp_path / "fresh", tmp_path / "changed", tmp_path / "secret"
    changed.touch()
    changed.chmod(0o640)
    secret.touch(mode=0o644)
    atomic.write_text(fresh, "x")
    atomic.write_text(changed, "x")
    with atomic.writing(secret, mode=0o600) as file:
        assert mode(tmp_path / ".secret.partial") == 0o600  # from the first byte on
        file.write(b"x")
    assert [mode(path) for path in (fresh, changed, secret)] == [0o644, 0o640, 0o600]


@pytest.mark.usefixtures("umask")
def test_a_secret_does_not_take_over_the_permission_bits_of_a_leftover(tmp_path):
    (tmp_path / ".secret.partial").touch(mode=0o644)
    atomic.write_text(tmp_path / "secret", "x", mode=0o600)
    assert mode(tmp_path / "secret") == 0o600


def test_a_link_is_followed_and_stays_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere/target")
    atomic.write_text(tmp_path / "link", "x")
    assert (tmp_path / "elsewhere" / "target").read_text() == "x"
    assert (tmp_path / "link").is_symlink()


def test_a_link_laid_in_the_partials_place_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / ".target.partial").symlink_to("precious")
    with pytest.raises(OSError, match="symbolic links"):
        atomic.write_text(tmp_path / "target", "x")
    assert (tmp_path / "precious").read_text() == "kept"


def test_a_device_is_written_to_and_stays_one():
    atomic.write_text(Path("/dev/null"), "x")
    assert Path("/dev/null").is_char_device()


def test_what_is_this_process_own_standard_output_is_not_replaced(tmp_path):
    code = "from pathlib import Path; from runner import atomic; atomic.write_text(Path('/dev/stdout'), 'x')"
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
        assert os.path.samestat(os.fstat(out.fileno()), (tmp_path / "out").stat())
    assert (tmp_path / "out").read_text() == "x"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True).stdout == b"x"


def test_directories_above_are_made(tmp_path):
    atomic.write_text(tmp_path / "a" / "b" / "target", "x")
    assert (tmp_path / "a" / "b" / "target").read_text() == "x"
