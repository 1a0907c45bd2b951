"""How a call is made to mean another file without touching the program's strings or stack.

Three ways, cheapest first. (1) The layer mirrors absolute paths, so ``/proc/sys/x`` with one byte cut off, relative to
a descriptor of the layer, is the file wanted: two registers change. Legacy calls become their directory form. (2) The
same relative to the descriptor, with the path written to scratch memory of our own: for unusual spellings. (3) An
absolute path in scratch memory: for calls without a directory form and for programs that closed the descriptor.

Tried by others and refused here: overwriting the string (corrupts read-only neighbours and shared buffers) and writing
below the stack pointer (goroutine stacks are small; 2 KiB crash a Go program at once).
"""

import attrs

from runner.intercept.calls import AT_FDCWD, Call, Constant, Directory, Name


@attrs.frozen(kw_only=True)
class Placement:
    """Where one path of a call is to go.

    Attributes:
        target: Normalised absolute path as programs know it, with a trailing slash if the program wrote one.
        in_layer: The layer's file, not the real one.
        skip: The program's own text is usable from this byte on, relative to the layer; None if it is not.
    """

    target: str
    in_layer: bool
    skip: int | None = None


@attrs.frozen(kw_only=True)
class Rewriting:
    """New registers and texts for a call.

    Attributes:
        name: The call to make, None if it stays the same.
        arguments: New arguments by position.
        texts: Position -> text to put into scratch memory, whose address becomes the argument.
    """

    name: str | None
    arguments: dict[int, int]
    texts: dict[int, str]


def rewrite(
    call: Call,
    arguments: tuple[int, ...],
    placements: tuple[Placement | None, ...],
    *,
    layer: str,
    layer_fd: int | None,
) -> Rewriting:
    """The call that reaches the placements.

    Args:
        call: What is being called.
        arguments: Its arguments.
        placements: One for each path of the call; None leaves that path as it is.
        layer: Directory of the layer.
        layer_fd: The program's descriptor of that directory, None if it has none.
    """
    changed: dict[int, int] = {}
    texts: dict[int, str] = {}
    if layer_fd is not None and call.at_form and any(place and place.in_layer for place in placements):
        return _in_at_form(call, arguments, placements, layer_fd)
    for at, place in zip(call.paths, placements, strict=True):
        if place is None:
            continue
        if layer_fd is None or at.dirfd is None or not place.in_layer:
            texts[at.path] = layer + place.target if place.in_layer else place.target
            continue
        changed[at.dirfd] = layer_fd
        if place.skip is None:
            texts[at.path] = place.target[1:]
        else:
            changed[at.path] = arguments[at.path] + place.skip
    return Rewriting(name=None, arguments=changed, texts=texts)


def _in_at_form(
    call: Call, arguments: tuple[int, ...], placements: tuple[Placement | None, ...], layer_fd: int
) -> Rewriting:
    assert call.at_form is not None  # noqa: S101  the caller looked
    name, sources = call.at_form
    changed: dict[int, int] = {}
    texts: dict[int, str] = {}
    for position, source in enumerate(sources):
        match source:
            case Directory(index):
                place = placements[index]
                changed[position] = layer_fd if place and place.in_layer else AT_FDCWD
            case Name(index):
                place = placements[index]
                pointer = arguments[call.paths[index].path]
                if place is None:
                    changed[position] = pointer
                elif place.in_layer and place.skip is not None:
                    changed[position] = pointer + place.skip
                else:
                    texts[position] = place.target[1:] if place.in_layer else place.target
            case Constant(value):
                changed[position] = value
            case int():
                changed[position] = arguments[source]
    return Rewriting(name=name, arguments=changed, texts=texts)
