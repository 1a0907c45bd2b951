"""The system calls that take paths: which arguments, whether links are followed, and which newer call says the same.

Positions are the same on every Linux architecture; old calls that an architecture lacks are simply never seen there.
Legacy calls without a directory argument have an ``at_form``: the call that takes one, so that a redirected path can be
named relative to the layer's descriptor and nothing need be written into the tracee.

Left alone on purpose, because half a redirect is worse than none: mount and friends (container runtimes mask
``/proc/sys`` themselves), chroot (both are only noticed), unix sockets, name_to_handle_at, acct, swapon, quotactl.
"""

import os

import attrs

AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_REMOVEDIR = 0x200
AT_SYMLINK_FOLLOW = 0x400
AT_EMPTY_PATH = 0x1000
O_TMPFILE = 0o20000000


@attrs.frozen
class Directory:
    """In an ``at_form``: the directory for path number ``index``."""

    index: int = 0


@attrs.frozen
class Name:
    """In an ``at_form``: the pointer to path number ``index``."""

    index: int = 0


@attrs.frozen
class Constant:
    """In an ``at_form``: a fixed number."""

    value: int


Source = Directory | Name | Constant | int


@attrs.frozen(kw_only=True)
class PathAt:
    """One path of a call.

    Attributes:
        path: Position of the pointer.
        dirfd: Position of the directory descriptor, None where the call has none.
        follows: Whether a link at the end is followed, unless flags say otherwise.
        creates: Whether the call makes this name, unless flags say otherwise.
    """

    path: int
    dirfd: int | None = None
    follows: bool = True
    creates: bool = False


@attrs.frozen(kw_only=True)
class Call:
    """How to read and rewrite one system call.

    Attributes:
        name: Its name.
        paths: Its paths.
        at_flags: Position of AT_ flags.
        open_flags: Position of O_ flags.
        open_how: Position of the pointer to ``struct open_how``.
        at_form: Name and arguments of the call with directory arguments; a plain int is an old position.
        executes: The program is replaced if it succeeds.
        shows_link: The text of a link is handed out.
    """

    name: str
    paths: tuple[PathAt, ...]
    at_flags: int | None = None
    open_flags: int | None = None
    open_how: int | None = None
    at_form: tuple[str, tuple[Source, ...]] | None = None
    executes: bool = False
    shows_link: bool = False


_D, _P = Directory(), Name()


def _one(
    name: str,
    *at_form: str | Source,
    path: int = 0,
    follows: bool = True,
    creates: bool = False,
    open_flags: int | None = None,
    shows_link: bool = False,
) -> Call:
    form = (str(at_form[0]), tuple(item for item in at_form[1:] if not isinstance(item, str))) if at_form else None
    at = PathAt(path=path, follows=follows, creates=creates)
    return Call(name=name, paths=(at,), at_form=form, open_flags=open_flags, shows_link=shows_link)


def _at(
    name: str,
    *,
    path: int = 1,
    follows: bool = True,
    creates: bool = False,
    at_flags: int | None = None,
    open_flags: int | None = None,
    open_how: int | None = None,
    shows_link: bool = False,
) -> Call:
    at = PathAt(path=path, dirfd=path - 1, follows=follows, creates=creates)
    return Call(
        name=name,
        paths=(at,),
        at_flags=at_flags,
        open_flags=open_flags,
        open_how=open_how,
        shows_link=shows_link,
    )


def _two(name: str, at_form: tuple[str, tuple[Source, ...]] | None, *, at: bool) -> Call:
    first, second, from_dir, to_dir = (1, 3, 0, 2) if at else (0, 1, None, None)
    paths = (
        PathAt(path=first, dirfd=from_dir, follows=False),
        PathAt(path=second, dirfd=to_dir, follows=False, creates=True),
    )
    return Call(name=name, paths=paths, at_form=at_form, at_flags=4 if name == "linkat" else None)


_BOTH: tuple[Source, ...] = (Directory(0), Name(0), Directory(1), Name(1))

# Reading and opening: what programs do with sysctl-like files.
READING: tuple[Call, ...] = (
    _one("open", "openat", _D, _P, 1, 2, open_flags=1),
    _one("creat", "openat", _D, _P, Constant(os.O_CREAT | os.O_WRONLY | os.O_TRUNC), 1, creates=True),
    _at("openat", open_flags=2),
    _at("openat2", open_how=2),
    _one("stat", "newfstatat", _D, _P, 1, Constant(0)),
    _one("lstat", "newfstatat", _D, _P, 1, Constant(AT_SYMLINK_NOFOLLOW), follows=False),
    _at("newfstatat", at_flags=3),
    _at("statx", at_flags=2),
    _one("statfs"),
    _one("access", "faccessat", _D, _P, 1),
    _at("faccessat"),
    _at("faccessat2", at_flags=3),
    _one("readlink", "readlinkat", _D, _P, 1, 2, follows=False, shows_link=True),
    _at("readlinkat", follows=False, shows_link=True),
    _one("getxattr"),
    _one("lgetxattr", follows=False),
    _one("listxattr"),
    _one("llistxattr", follows=False),
    Call(name="inotify_add_watch", paths=(PathAt(path=1),)),
    _one("chdir"),
    Call(name="execve", paths=(PathAt(path=0),), executes=True),
    Call(name="execveat", paths=(PathAt(path=1, dirfd=0),), at_flags=4, executes=True),
)

# Changing names and attributes: only what a view with trees can be asked for.
CHANGING: tuple[Call, ...] = (
    _one("truncate"),
    _one("mkdir", "mkdirat", _D, _P, 1, follows=False, creates=True),
    _at("mkdirat", follows=False, creates=True),
    _one("mknod", "mknodat", _D, _P, 1, 2, follows=False, creates=True),
    _at("mknodat", follows=False, creates=True),
    _one("rmdir", "unlinkat", _D, _P, Constant(AT_REMOVEDIR), follows=False),
    _one("unlink", "unlinkat", _D, _P, Constant(0), follows=False),
    _at("unlinkat", follows=False),
    _one("chmod", "fchmodat", _D, _P, 1),
    _at("fchmodat"),
    _one("chown", "fchownat", _D, _P, 1, 2, Constant(0)),
    _one("lchown", "fchownat", _D, _P, 1, 2, Constant(AT_SYMLINK_NOFOLLOW), follows=False),
    _at("fchownat", at_flags=4),
    _one("utime"),
    _one("utimes"),
    _at("futimesat"),
    _at("utimensat", at_flags=3),
    _one("setxattr"),
    _one("lsetxattr", follows=False),
    _one("removexattr"),
    _one("lremovexattr", follows=False),
    _one("symlink", "symlinkat", 0, _D, _P, path=1, follows=False, creates=True),
    _at("symlinkat", path=2, follows=False, creates=True),
    _two("rename", ("renameat", _BOTH), at=False),
    _two("renameat", None, at=True),
    _two("renameat2", None, at=True),
    _two("link", ("linkat", (*_BOTH, Constant(0))), at=False),
    _two("linkat", None, at=True),
)

# All that a view for readers alone needs, and the proof that an observed program is used.
OPENING = (
    "open", "creat", "openat", "openat2", "access", "faccessat", "faccessat2", "execve", "execveat",
)  # fmt: skip

BY_NAME: dict[str, Call] = {call.name: call for call in READING + CHANGING}

# Calls after which a name may be a link that was none before, or lead elsewhere: noticed whenever any path is looked at.
LINKING = ("symlink", "symlinkat", "link", "linkat", "rename", "renameat", "renameat2")
REARRANGING = ("mount", "umount2", "move_mount", "pivot_root", "chroot", "setns", "unshare")

# Calls on descriptors and buffers that have to be looked at when they return.
LISTING = ("getdents64",)
NAMING = ("getcwd",)
SPOOFED_BY_PATH = ("statfs",)
SPOOFED_BY_DESCRIPTOR = ("fstatfs",)

# Position of the descriptor of calls that take one, for delays on a path.
DESCRIPTOR: dict[str, int] = dict.fromkeys(
    (
        "read", "write", "pread64", "pwrite64", "readv", "writev", "preadv", "pwritev", "preadv2", "pwritev2",
        "fsync", "fdatasync", "sync_file_range", "fallocate", "ftruncate", "fstat", "fstatfs", "getdents64", "lseek",
    ),
    0,
)  # fmt: skip
