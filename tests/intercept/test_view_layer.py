"""The files of the layer."""

from runner.intercept.rules import Kind
from runner.intercept.view_layer import materialise, view_kinds
from runner.model.view import View, ViewFile, ViewTree


def make_view(*paths):
    files = tuple(ViewFile(path=path, content=path + "\n", reason="test", part="test") for path in paths)
    return View(trees=(ViewTree(prefix="/proc/sys", part="test"),), files=files)


def test_every_file_lies_at_its_own_path_in_the_layer(tmp_path):
    materialise(make_view("/proc/sys/vm/a", "/proc/diskstats"), str(tmp_path))
    assert (tmp_path / "proc/sys/vm/a").read_text() == "/proc/sys/vm/a\n"
    assert (tmp_path / "proc/diskstats").read_text() == "/proc/diskstats\n"
    assert (tmp_path / "proc/sys/vm/a").stat().st_mode & 0o777 == 0o644


def test_a_tree_without_files_is_there_for_what_programs_create(tmp_path):
    materialise(make_view(), str(tmp_path))
    assert (tmp_path / "proc/sys").is_dir()


def test_what_an_earlier_run_wrote_is_gone(tmp_path):
    materialise(make_view("/proc/sys/a"), str(tmp_path))
    (tmp_path / "proc/sys/a").write_text("a much longer text than before\n")
    materialise(make_view("/proc/sys/a"), str(tmp_path))
    assert (tmp_path / "proc/sys/a").read_text() == "/proc/sys/a\n"


def test_kinds_tell_what_the_sandbox_has_there(tmp_path):
    (tmp_path / "file").write_text("")
    view = View(
        trees=(ViewTree(prefix=str(tmp_path), part="test"),),
        files=(ViewFile(path=str(tmp_path / "file"), content="", reason="test", part="test"),),
    )
    kinds = view_kinds(view)
    assert kinds[str(tmp_path)] is Kind.DIRECTORY
    assert kinds[str(tmp_path / "file")] is Kind.FILE
