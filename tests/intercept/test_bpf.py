"""The filter, run by a small interpreter of the instructions that it uses."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.intercept import abi_x86_64 as abi
from runner.intercept import bpf

I386 = 0x40000003
ALLOW, TRACE, NO_SUCH_CALL = "allow", "trace", "ENOSYS"


def run_filter(program: bytes, number: int, arch: int) -> str:
    """What the kernel would do; raises if the program jumps out of itself or does not end."""
    instructions = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    data = struct.pack("=II", number & 0xFFFFFFFF, arch)
    accumulator, at = 0, 0
    while True:
        code, if_true, if_false, value = instructions[at]
        at += 1
        if code == bpf.LOAD_WORD:
            (accumulator,) = struct.unpack_from("=I", data, value)
        elif code == bpf.JUMP_EQUAL:
            at += if_true if accumulator == value else if_false
        elif code == bpf.JUMP_GREATER_EQUAL:
            at += if_true if accumulator >= value else if_false
        elif code == bpf.RETURN:
            return {
                bpf.RET_ALLOW: ALLOW,
                bpf.RET_TRACE: TRACE,
                bpf.RET_ERRNO | abi.ENOSYS: NO_SUCH_CALL,
            }[value]
        else:
            raise AssertionError(f"unknown instruction {code:#x}")


def build(numbers):
    return bpf.build(numbers, audit_arch=abi.AUDIT_ARCH, x32_bit=abi.X32_BIT, enosys=abi.ENOSYS)


@given(st.sets(st.integers(0, 460), max_size=100), st.integers(0, 500))
def test_listed_calls_stop_and_no_other(numbers, number):
    expected = TRACE if number in numbers else ALLOW
    assert run_filter(build(numbers), number, abi.AUDIT_ARCH) == expected


@given(st.sets(st.integers(0, 460), max_size=100), st.integers(0, 2**32 - 1))
def test_32_bit_calls_are_never_stopped_whatever_their_number(numbers, number):
    assert run_filter(build(numbers), number, I386) == ALLOW


@given(st.sets(st.integers(0, 460), max_size=100), st.integers(0, 460))
def test_x32_calls_do_not_exist_so_none_slips_past(numbers, number):
    assert run_filter(build(numbers), number | abi.X32_BIT, abi.AUDIT_ARCH) == NO_SUCH_CALL


def test_more_calls_than_a_jump_can_pass_are_refused():
    with pytest.raises(ValueError, match="at most 253"):
        build(range(254))
    assert run_filter(build(range(253)), 0, abi.AUDIT_ARCH) == TRACE


def test_the_numbers_are_the_native_ones_not_those_of_x32():
    # python-ptrace's table lists x32's execve (520) behind the native one (59) under the same name.
    assert abi.NUMBERS["execve"] == 59
    assert abi.NUMBERS["ioctl"] == 16
    assert max(abi.NUMBERS.values()) < 512
