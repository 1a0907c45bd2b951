"""The layer: a directory that holds the view's files at their own absolute paths (``/proc/sys/x`` is ``LAYER/proc/sys/x``)."""

import os
import posixpath

from runner.model.view import View

_FILE_MODE = 0o644


def materialise(view: View, layer_dir: str) -> None:
    """Write the view's files into the layer; files that are there already are written anew.

    Raises:
        OSError: The layer cannot be written.
    """
    os.makedirs(layer_dir, mode=0o755, exist_ok=True)
    for tree in view.trees:
        os.makedirs(layer_dir + tree.prefix, mode=0o755, exist_ok=True)
    for file in view.files:
        path = layer_dir + file.path
        os.makedirs(posixpath.dirname(path), mode=0o755, exist_ok=True)
        with open(path, "w", encoding="utf-8") as target:
            target.write(file.content)
        os.chmod(path, _FILE_MODE)
