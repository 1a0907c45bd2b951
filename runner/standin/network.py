"""The node's own address: the interface of the default route and its IPv4 address, asked of the kernel.

Read only. k3s does the same before anything else and will not start without a default route.
"""

import fcntl
import socket
import struct
from pathlib import Path

_SIOCGIFADDR = 0x8915
_IFREQ = "256s"
_RTF_UP = 0x1


class NoRouteError(Exception):
    """There is no default route, or its interface has no IPv4 address; the text is k3s's."""


def default_interface() -> str:
    """Name of the interface that the IPv4 default route uses.

    Raises:
        NoRouteError: There is none.
    """
    try:
        rows = [line.split() for line in Path("/proc/net/route").read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        rows = []
    for row in rows:
        if len(row) > 7 and row[1] == row[7] == "00000000" and int(row[3], 16) & _RTF_UP:  # noqa: PLR2004  column of the mask
            return row[0]
    raise NoRouteError('no default routes found in "/proc/net/route" or "/proc/net/ipv6_route"')


def ipv4_address(interface: str) -> str:
    """The interface's IPv4 address.

    Raises:
        NoRouteError: It has none.
    """
    request = struct.pack(_IFREQ, interface.encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe, _SIOCGIFADDR, request)
        except OSError as error:
            raise NoRouteError(f"failed to find IPv4 address for interface {interface}") from error
    return socket.inet_ntoa(answer[20:24])
