"""Takes out of evidence what must not leave the house: credentials, certificates, addresses, names of people and machines.

The problem: an upstream issue needs the log, and the log holds join tokens, kubeconfigs and addresses. What is replaced by
nothing makes the log useless; what is replaced each time differently, too.

The idea: credentials become a word that says what stood there. Addresses become numbered words, the same address the same
word within one bundle, so that "connects to" and "listens on" can still be matched. Addresses that are the same everywhere
(loopback, k3s' own default ranges) stay, since they tell something and betray nothing.

What this module must not do: promise. It knows forms, not meanings; the bundle says so, too.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

# What is the same in every k3s: its pod and service ranges, loopback, "any", link-local, documentation.
PLAIN_NETWORKS: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "0.0.0.0/8", "10.42.0.0/16", "10.43.0.0/16", "169.254.0.0/16", "255.0.0.0/8", "::/127")
)

_PEM_BEGIN: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_PEM_INLINE: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)

_SECRETS: Final = (
    # k3s join tokens, whole or only the password behind the certificate hash.
    (re.compile(r"\bK10[0-9a-f]{16,}(?:::[\w.-]+:[^\s\"'\\,]+)?"), "[token]"),
    (re.compile(r"(?<![\w:])::(?:server|node|bootstrap)[\w.-]*:[^\s\"'\\,]+"), "[token]"),
    # JSON Web Tokens: service accounts.
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"), "[token]"),
    (re.compile(r"\b(?i:bearer|basic)\s+[\w.~+/=-]{12,}"), "[token]"),
    # kubeadm's bootstrap tokens.
    (re.compile(r"(?<![\w.])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w.])"), "[token]"),
    (
        re.compile(
            r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|AKIA[0-9A-Z]{16}|xox[abprs]-[\w-]{10,})"
        ),
        "[token]",
    ),
    # base64 of "-----BEGIN": certificates and keys in kubeconfigs.
    (re.compile(r"\bLS0tLS1CRUdJTi[A-Za-z0-9+/=]*"), "[certificate or key]"),
    (re.compile(r"(?<=://)[^\s/:@\"']+:[^\s/@\"']+(?=@)"), "[user]:[password]"),
)
# A name that says secret, then its value: flags, environment, YAML and JSON alike. Paths to files are no secrets.
_NAMED: Final = re.compile(
    r"(?P<name>(?i:[\w.-]*(?:token|password|passwd|secret|api-?key|client-key-data|certificate-authority-data"
    r"|client-certificate-data))\\?[\"']?\s*[=:]\s*(?P<open>\\?[\"'])?)"
    # Up to the closing quote, escaped or not; without quotes one word.
    r"(?P<value>(?(open)(?:[^\"'\\]|\\[^\"'])+|[^\s\"',;\\}\]\[]{4,}))"
)
_MAIL: Final = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b")
_HOME: Final = re.compile(r"(?<![\w.])/(home|Users)/(?!user\b)[^/\s\"':,]+")
# With a letter behind the hyphen it is a version, like 2.1.4.1-k3s1.
_IPV4: Final = re.compile(r"(?<![\w.])(?:ip-\d{1,3}(?:-\d{1,3}){3}(?!\d)|\d{1,3}(?:\.\d{1,3}){3}(?!\w|-[a-z]|\.\d))")
_IPV6: Final = re.compile(r"(?<![\w:.])(?=[0-9a-fA-F]*:[0-9a-fA-F:]*:)[0-9a-fA-F:]{3,45}(?:\.\d{1,3}){0,3}(?![\w:])")
_MAC: Final = re.compile(r"(?<![\w:])[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}(?![\w:])")


class Redactor:
    """Replaces within one bundle; the same address becomes the same word everywhere.

    Args:
        names: Words that are private as such, e.g. the machine's name; those shorter than four letters are left.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.counts: dict[str, int] = {}
        self._addresses: dict[str, str] = {}
        private = sorted({name for name in names if len(name) >= 4}, key=len, reverse=True)  # noqa: PLR2004  see above
        self._names = re.compile("|".join(rf"(?<!\w){re.escape(n)}(?!\w)" for n in private)) if private else None

    def lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Lines of one text, without their ends; a PEM block over several of them becomes one line."""
        inside: str | None = None
        for line in lines:
            if inside is not None:
                if f"-----END {inside}-----" in line:
                    inside = None
                continue
            whole = _PEM_INLINE.sub(lambda match: self._count("certificate or key", f"[{match[1].lower()}]"), line)
            begin = _PEM_BEGIN.search(whole)
            if begin is not None:
                inside = begin[1]
                whole = whole[: begin.start()] + self._count("certificate or key", f"[{inside.lower()}]")
            yield self.text(whole)

    def text(self, text: str) -> str:
        """One piece of text without PEM blocks over several lines."""
        text = _PEM_INLINE.sub(lambda match: self._count("certificate or key", f"[{match[1].lower()}]"), text)
        for pattern, word in _SECRETS:
            text = pattern.sub(partial(self._replaced, word=word), text)
        text = _NAMED.sub(self._named, text)
        text = _MAIL.sub(lambda _: self._count("mail address", "[mail]"), text)
        text = _HOME.sub(lambda match: f"/{match[1]}/user", text)
        text = _MAC.sub(lambda match: self._address(match[0].lower(), "mac"), text)
        text = _IPV4.sub(self._ip, text)
        text = _IPV6.sub(self._ip, text)
        if self._names is not None:
            text = self._names.sub(lambda _: self._count("name", "[machine]"), text)
        return text

    def _named(self, match: re.Match[str]) -> str:
        value = match["value"]
        # A path says where a secret lies, not what it is; what was replaced before stays.
        if value.startswith(("[", "/", "./", "~/", "unix:")) or value.lower() in {"true", "false", "null", "none"}:
            return match[0]
        return match["name"] + self._count("secret", "[secret]")

    def _ip(self, match: re.Match[str]) -> str:
        try:
            # Clouds name machines after addresses: ip-10-1-2-3.
            address = ipaddress.ip_address(match[0].removeprefix("ip-").replace("-", "."))
        except ValueError:
            return match[0]  # a version, a time
        if any(address in network for network in PLAIN_NETWORKS if network.version == address.version):
            return match[0]
        return self._address(str(address), f"ipv{address.version}")

    def _replaced(self, _: re.Match[str], *, word: str) -> str:
        return self._count(word.replace("]:[", " and ").strip("[]"), word)

    def _address(self, address: str, kind: str) -> str:
        if address not in self._addresses:
            number = sum(word.startswith(f"[{kind}-") for word in self._addresses.values()) + 1
            self._addresses[address] = f"[{kind}-{number}]"
        return self._count("address", self._addresses[address])

    def _count(self, what: str, word: str) -> str:
        self.counts[what] = self.counts.get(what, 0) + 1
        return word
