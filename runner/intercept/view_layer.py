"""The layer: a directory that holds the view's files at their own absolute paths (``/proc/sys/x`` is ``LAYER/proc/sys/x``).

And the one place that refuses views which no mechanism can apply, before anything is started or mounted.
"""

from pathlib import Path

from runner.intercept.rules import Kind
from runner.intercept.world import kind_of
from runner.model.view import View

_DIRECTORY_MODE = 0o755
_FILE_MODE = 0o644


class ViewError(Exception):
    """The view cannot be applied here; the message says which part and why. Nothing was changed."""


def materialise(view: View, layer_dir: str) -> None:
    """Write the view's files into the layer; files that are there already are written anew.

    Raises:
        OSError: The layer cannot be written.
    """
    layer = Path(layer_dir)
    for directory in (layer, *(Path(layer_dir + tree.prefix) for tree in view.trees)):
        directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
    for file in view.files:
        path = Path(layer_dir + file.path)
        path.parent.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        if file.content is not None:
            path.write_text(file.content, encoding="utf-8")
            path.chmod(_FILE_MODE)


def view_kinds(view: View) -> dict[str, Kind]:
    """What the sandbox has at the view's paths and at their parents."""
    paths = {tree.prefix for tree in view.trees} | {file.path for file in view.files}
    paths |= {str(Path(path).parent) for path in paths}
    return {path: kind_of(path) for path in sorted(paths)}


def check_view(view: View, kinds: dict[str, Kind], layer: str) -> None:
    """Refuse what no mechanism can do.

    Args:
        view: The table.
        kinds: See :func:`view_kinds`.
        layer: Directory of the layer.

    Raises:
        ViewError: Says what, where and why.
    """
    for tree in view.trees:
        prefix = tree.prefix
        if prefix == "/":
            raise ViewError(
                "the view's tree is /: the layer would lie in its own tree; name the directory that matters"
            )
        if layer == prefix or layer.startswith(prefix + "/"):
            raise ViewError(f"the layer {layer} lies below the view's tree {prefix}: a loop; put the layer elsewhere")
        if prefix.startswith(layer + "/"):
            raise ViewError(f"the view's tree {prefix} lies below the layer {layer}: a loop; put the layer elsewhere")
        found = kinds[prefix]
        if found is not Kind.DIRECTORY:
            raise ViewError(
                f"the view's tree {prefix} is no directory here (found: {found.value}); is it the right arena?"
            )
    for file in view.files:
        if kinds[file.path] is Kind.DIRECTORY:
            raise ViewError(f"the view has a file at {file.path}, but that is a directory here; make it a tree")
