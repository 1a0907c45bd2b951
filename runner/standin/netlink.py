"""One rtnetlink request: create a vxlan device, as flannel does.

Only the message and its answer; in whose network namespace it is asked, and what a refusal means, is flannel's
business.
"""

import os
import socket
import struct

_RTM_NEWLINK = 16
_NLMSG_ERROR = 2
_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_EXCL, _NLM_F_CREATE = 0x1, 0x4, 0x200, 0x400
_IFLA_IFNAME, _IFLA_MTU, _IFLA_LINKINFO = 3, 4, 18
_IFLA_INFO_KIND, _IFLA_INFO_DATA = 1, 2
_IFLA_VXLAN_ID, _IFLA_VXLAN_LEARNING, _IFLA_VXLAN_PORT = 1, 7, 15
_HEADER = struct.Struct("=IHHII")
_IFINFO = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")
_ANSWER_SIZE = 65536


def create_vxlan(name: str, *, vni: int, port: int, mtu: int) -> None:
    """Ask the kernel for a vxlan device in the calling thread's network namespace.

    Raises:
        OSError: The kernel's answer: EOPNOTSUPP where it has no such device, EPERM without CAP_NET_ADMIN.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as link:
        link.bind((0, 0))
        link.send(vxlan_request(name, vni=vni, port=port, mtu=mtu))
        number = error_number(link.recv(_ANSWER_SIZE))
    if number:
        raise OSError(number, os.strerror(number), name)


def vxlan_request(name: str, *, vni: int, port: int, mtu: int) -> bytes:
    """The RTM_NEWLINK message."""
    data = (
        _attribute(_IFLA_VXLAN_ID, struct.pack("=I", vni))
        + _attribute(_IFLA_VXLAN_LEARNING, b"\0")
        + _attribute(_IFLA_VXLAN_PORT, struct.pack(">H", port))
    )
    info = _attribute(_IFLA_INFO_KIND, b"vxlan\0") + _attribute(_IFLA_INFO_DATA, data)
    body = (
        _IFINFO.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        + _attribute(_IFLA_IFNAME, name.encode() + b"\0")
        + _attribute(_IFLA_MTU, struct.pack("=I", mtu))
        + _attribute(_IFLA_LINKINFO, info)
    )
    flags = _NLM_F_REQUEST | _NLM_F_ACK | _NLM_F_CREATE | _NLM_F_EXCL
    return _HEADER.pack(_HEADER.size + len(body), _RTM_NEWLINK, flags, 1, 0) + body


def error_number(answer: bytes) -> int:
    """The errno in the kernel's answer; 0 is its acknowledgement.

    Raises:
        ValueError: The answer is something else.
    """
    if len(answer) < _HEADER.size + 4:
        raise ValueError(f"netlink answer of {len(answer)} bytes is too short")
    kind = _HEADER.unpack_from(answer)[1]
    if kind != _NLMSG_ERROR:
        raise ValueError(f"netlink answer of type {kind}, expected NLMSG_ERROR")
    return -int(struct.unpack_from("=i", answer, _HEADER.size)[0])


def _attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + b"\0" * (-length % 4)
