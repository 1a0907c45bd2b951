"""Lines of several components in one stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.model.tagged import tag, untag

KLOG = 'I1123 14:16:53.415623      33 kubelet_node_status.go:78] "Successfully registered node" node="vm"'


@given(text=st.text())
def test_a_line_comes_out_as_it_went_in_whatever_it_holds(text: str) -> None:
    assert untag(tag("kube-apiserver", text)) == ("kube-apiserver", text)


def test_a_component_may_say_what_looks_like_a_tag() -> None:
    assert untag(tag("kubelet", "[kube-proxy] hello")) == ("kubelet", "[kube-proxy] hello")


@pytest.mark.parametrize("line", ["", KLOG, "[PTRACE:33] /proc/sys/a -> /b", "[1] x", "[kubelet]x", "kubelet] x"])
def test_a_line_without_a_tag_is_nobodys(line: str) -> None:
    assert untag(line) == ("", line)


@pytest.mark.parametrize("name", ["", "Kubelet", "kube proxy", "kubelet]", "1st", "x" * 41])
def test_a_name_that_could_not_be_read_back_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no component's name"):
        tag(name, "text")
