"""What must not leave the house does not, and what helps a maintainer stays."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from script import log_lines

from runner.core.redact import Redactor

KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIKkq\nVq3xoAoGCC==\n-----END EC PRIVATE KEY-----"


def clean(text: str, *names: str) -> str:
    return "\n".join(Redactor(names).lines(text.split("\n")))


@pytest.mark.parametrize(
    "secret",
    [
        "K10a3f5c0e9b7d2416f8a3f5c0e9b7d2416f8::server:5f0e1d2c3b4a",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVz.c2lnbmF0dXJl",
        "abcdef.0123456789abcdef",
        "ghp_0123456789abcdefghijklmnopqrst",
        "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUI=",
        "Bearer 0123456789abcdef0123",
        "203.0.113.77",
        "192.168.10.2",
        "ip-172-31-5-9",
        "2001:db8:0:1::1234",
        "fe80::1ff:fe23:4567:890a",
        "02:42:ac:11:00:02",
        "jane.doe@example.org",
        "my-laptop-17",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "x={} y", '"{}"', "({})", "a {}, b", "cn-{}-1", "https://{}/path", '{{"k":"{}"}}']
)
def test_a_secret_is_gone_wherever_it_stands(secret: str, around: str) -> None:
    assert secret not in clean(around.format(secret), "my-laptop-17")


@given(
    name=st.sampled_from(["--token", "K3S_TOKEN", "node-password", "client_secret", "api-key", "client-key-data"]),
    value=st.text(alphabet="abcXYZ0189+/=._-", min_size=8, max_size=40),
    form=st.sampled_from(["{}={}", "{}: {}", '{}="{}"', '"{}": "{}"', '"{}":"{}"', '\\"{}\\":\\"{}\\"', "{}='{}'"]),
)
def test_a_value_with_a_telling_name_is_gone(name: str, value: str, form: str) -> None:
    assume(not value.startswith(("/", "./", "~/")))
    assert value not in clean("before " + form.format(name, value) + " after")


def test_a_key_over_many_lines_and_in_one_is_gone() -> None:
    assert clean(f"before\n{KEY}\nafter") == "before\n[ec private key]\nafter"
    assert clean(json.dumps({"key": KEY})) == '{"key": "[ec private key]"}'


def test_a_key_that_never_ends_takes_the_rest_with_it() -> None:
    assert clean("a\n-----BEGIN CERTIFICATE-----\nMIIB\nMIIC") == "a\n[certificate]"


def test_the_same_address_keeps_its_name_throughout() -> None:
    redactor = Redactor()
    assert redactor.text("10.1.2.3 -> 10.9.9.9") == "[ipv4-1] -> [ipv4-2]"
    assert redactor.text("from 10.9.9.9:6443") == "from [ipv4-2]:6443"
    assert redactor.counts == {"address": 3}


@pytest.mark.parametrize(
    "text",
    [
        "listening on 127.0.0.1:6443 and [::1]:6443 and 0.0.0.0",
        "cluster 10.42.0.0/16, services 10.43.0.1",
        "k3s v1.34.1+k3s1, containerd 2.1.4.1-k3s1, gVisor release-20260905.0",
        "I1123 14:15:47.018073       1 server.go:1] Version",
        'time="2026-11-23T14:15:47Z" level=info msg="--token-file=/var/lib/rancher/k3s/server/token"',
        "--enable-bootstrap-token-auth=true --service-account-key-file=/var/lib/x/service.key",
        "sha256 b1d136e01e19fc2ae03417d00dd9225dac5b73098818bc952909769bdee0fa9a",
        "cgroup2 on /sys/fs/cgroup, std::string",
    ],
)
def test_what_betrays_nothing_stays(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("name", ["exp13", "slow-disk", "pod-running"])
def test_a_real_log_loses_its_addresses_and_little_else(name: str) -> None:
    lines = log_lines(name)
    redacted = list(Redactor().lines(lines))
    assert len(redacted) == len(lines)
    changed = [(a, b) for a, b in zip(lines, redacted, strict=True) if a != b]
    assert len(changed) < len(lines) / 5
    assert not any("192.168." in line for line in redacted)


@given(text=st.text(alphabet="abK10:.-@=\"'\\/ 23fe[]{}\n", max_size=80))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = clean(text)
    assert clean(once) == once


@given(value=st.text(max_size=40), name=st.sampled_from(["token", "text", "password"]))
def test_a_line_of_json_stays_one(value: str, name: str) -> None:
    (line,) = Redactor().lines([json.dumps({name: value, "at_s": 1.5})])
    assert json.loads(line)["at_s"] == 1.5
