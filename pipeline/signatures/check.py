"""The check of a signed request (RFC 9421 with the profile of Web Bot Auth) against the keys of known programs.

Owns the rules of a signature, its base and the memory of nonces. Theory of operation:

* A signature names its key by thumbprint, and the program by the address in `Signature-Agent` that it covers. Both must
  belong together: a key that one program publishes never proves the name of another.
* `none`: no signature for this purpose, or one that nobody here can judge: unreadable headers, an unknown program or key, a
  covered field that is not kept. It says nothing about the sender.
* `failed`: a signature under a known key that is expired, not yet valid, valid for longer than a day, for another host,
  changed, replayed, or that leaves out `@authority` and `@target-uri`, or a `Signature-Agent` that was sent.
* `Signature-Agent` is a dictionary (`sig1="https://..."`), or in earlier drafts a single string.

A replay is found by its nonce, in the memory of one process; a signature without a nonce may be used until it expires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import http_sf
from cryptography.exceptions import InvalidSignature

from pipeline.event import AgentSigned, SignedRequest
from pipeline.signatures.key_set import AgentKey, KeySet

TAG: Final = "web-bot-auth"
ALGORITHM: Final = "ed25519"
LONGEST_S: Final = 24 * 3600
"""The longest validity that the drafts recommend: until its end a request may be replayed."""
SKEW_S: Final = 60
"""Seconds by which the clock of a signer may be ahead."""
MOST_SIGNATURES: Final = 4
LONGEST_HEADER: Final = 2048
MOST_NONCES: Final = 65_536

_BOUND_TO_US = {"@authority", "@target-uri"}
_SIGNER = "signature-agent"

Discovery = Literal["directory", "jwks_uri"]
_Parameters = dict[str, Any]
_Component = tuple[str, _Parameters]


class Signer(NamedTuple):
    """A program that is known by the address of its keys: an origin (`directory`), or the keys' own (`jwks_uri`)."""

    name: str
    url: str
    discovery: Discovery
    keys: KeySet


class Place(NamedTuple):
    """One way in which the signer may have seen this collector: authority, and path with query."""

    authority: str
    target: str


class Verdict(NamedTuple):
    """The result, and the name of the program whose key was used."""

    state: AgentSigned
    signer: str = ""


NOTHING: Final = Verdict("none")


class Nonces:
    """The nonces of verified signatures until these expire; belongs to one thread."""

    def __init__(self, most: int = MOST_NONCES) -> None:
        self._most = most
        self._seen: dict[tuple[str, str], int] = {}

    def is_first(self, key: str, nonce: str, *, expires_s: int, now_s: int) -> bool:
        """Return whether a nonce was not used before."""
        if (key, nonce) in self._seen:
            return False
        if len(self._seen) >= self._most:
            self._forget(now_s)
        self._seen[key, nonce] = expires_s
        return True

    def _forget(self, now_s: int) -> None:
        valid = {name: use for name, use in self._seen.items() if use > now_s}
        self._seen = valid if len(valid) < self._most else dict(list(valid.items())[self._most // 2 :])


class _CannotJudge(Exception):
    """A covered component whose value is not known here."""


def check(
    request: SignedRequest, signers: Iterable[Signer], places: Sequence[Place], nonces: Nonces, *, now_ms: int
) -> Verdict:
    """Return the best verdict on the signatures of a request that was sent to one of these places."""
    if max(map(len, (request.agent, request.inputs, request.signatures))) > LONGEST_HEADER:
        return NOTHING
    try:
        inputs, signatures = _dictionary(request.inputs), _dictionary(request.signatures)
        agents = _Agents(request.agent)
    except (http_sf.StructuredFieldError, UnicodeEncodeError):
        return NOTHING
    ours = [label for label, member in inputs.items() if _is_for_us(member)][:MOST_SIGNATURES]
    verdicts: list[Verdict] = []
    for label in ours:
        components, parameters = inputs[label]
        signature = _Signature(label, components, parameters, _bytes(signatures.get(label)))
        verdicts.append(_judge(signature, request, agents, tuple(signers), places, nonces, now_ms))
    ranks: Mapping[AgentSigned, int] = {"verified": 2, "failed": 1, "none": 0}
    return max(verdicts, key=lambda verdict: ranks[verdict.state], default=NOTHING)


class _Signature(NamedTuple):
    label: str
    components: list[_Component]
    parameters: _Parameters
    value: bytes

    @property
    def described(self) -> str:
        """The value of `@signature-params`: the member as it is written in its strict form (RFC 9421, section 2.3)."""
        member: Any = (self.components, self.parameters)
        return http_sf.ser({self.label: member}).partition("=")[2]

    @property
    def of_signer(self) -> _Parameters | None:
        """The parameters of the covered `Signature-Agent`, of several the one with the signature's own label."""
        covered = [parameters for name, parameters in self.components if name == _SIGNER]
        return next((given for given in covered if given.get("key") == self.label), covered[0] if covered else None)


class _Agents:
    """The header `Signature-Agent` in both of its forms."""

    def __init__(self, header: str) -> None:
        self.is_sent = header != ""
        self.plain = header.strip()
        self._single = http_sf.parse(self.plain.encode("latin-1"), tltype="item") if header[:1] == '"' else None
        self._members = _dictionary(header) if self._single is None else {}

    def written(self, parameters: _Parameters) -> str:
        """Return the value of the component as it is signed; raises `_CannotJudge`."""
        if not parameters and self.is_sent:
            return self.plain
        key = parameters.get("key")
        if len(parameters) != 1 or not isinstance(key, str) or key not in self._members:
            raise _CannotJudge
        return http_sf.ser({key: self._members[key]}).partition("=")[2]

    def named(self, parameters: _Parameters) -> tuple[str, str] | None:
        """Return address and kind of discovery that a covered component names, None if it names none."""
        if parameters:
            item = self._members.get(str(parameters.get("key")))
        else:
            item = self._single or (next(iter(self._members.values())) if len(self._members) == 1 else None)
        if not (isinstance(item, tuple) and isinstance(item[0], str) and isinstance(item[1], dict)):
            return None
        return normal_url(item[0]), str(item[1].get("type", "directory"))


def _judge(
    signature: _Signature,
    request: SignedRequest,
    agents: _Agents,
    signers: Sequence[Signer],
    places: Sequence[Place],
    nonces: Nonces,
    now_ms: int,
) -> Verdict:
    key_id = str(signature.parameters.get("keyid", ""))
    covered = signature.of_signer
    named = agents.named(covered) if covered is not None else None
    found = _key(signers, key_id, named)
    if found is None or not found[1].since_s <= now_ms / 1000 < found[1].until_s:
        return NOTHING
    signer, key = found
    if not _is_sound(signature, agents, now_ms // 1000):
        return Verdict("failed", signer.name)
    try:
        is_valid = any(_is_signed(signature, key, _base(signature, request, agents, place)) for place in places)
    except _CannotJudge:
        return NOTHING
    nonce, expires_s = signature.parameters.get("nonce"), signature.parameters["expires"]
    if is_valid and isinstance(nonce, str):
        is_valid = nonces.is_first(key_id, nonce, expires_s=expires_s, now_s=now_ms // 1000)
    return Verdict("verified" if is_valid else "failed", signer.name)


def _key(signers: Sequence[Signer], key_id: str, named: tuple[str, str] | None) -> tuple[Signer, AgentKey] | None:
    """Return the key and its program: the named one, or without a name the first that publishes the key."""
    for signer in signers:
        if (named is None or named == (signer.url, signer.discovery)) and (key := signer.keys.get(key_id)):
            return signer, key
    return None


def _is_sound(signature: _Signature, agents: _Agents, now_s: int) -> bool:
    """Return whether time, algorithm and the choice of components are as the profile demands."""
    given = signature.parameters
    created, expires = given.get("created"), given.get("expires")
    if type(created) is not int or type(expires) is not int:
        return False
    names = {name for name, _ in signature.components}
    written = [http_sf.ser((name, parameters)) for name, parameters in signature.components]
    return (
        created <= now_s + SKEW_S
        and created < expires <= created + LONGEST_S
        and now_s < expires
        and given.get("alg", ALGORITHM) == ALGORITHM
        and not names.isdisjoint(_BOUND_TO_US)
        and (_SIGNER in names or not agents.is_sent)
        and len(set(written)) == len(written)
    )


def _base(signature: _Signature, request: SignedRequest, agents: _Agents, place: Place) -> bytes:
    """Return the bytes that the signer signed (RFC 9421, section 2.5); raises `_CannotJudge`."""
    lines = [
        f"{http_sf.ser((name, parameters))}: {_value(name, parameters, request, agents, place)}"
        for name, parameters in signature.components
    ]
    lines.append(f'"@signature-params": {signature.described}')
    return "\n".join(lines).encode("latin-1")


def _value(name: str, parameters: _Parameters, request: SignedRequest, agents: _Agents, place: Place) -> str:
    if name == _SIGNER:
        return agents.written(parameters)
    path, mark, query = place.target.partition("?")
    values = {
        "@authority": place.authority,
        "@method": request.method,
        "@path": path or "/",
        "@query": f"?{query}",
        "@scheme": request.scheme,
        "@request-target": place.target,
        "@target-uri": f"{request.scheme}://{place.authority}{path}{mark}{query}",
    }
    if parameters or name not in values:
        raise _CannotJudge
    return values[name]


def _is_signed(signature: _Signature, key: AgentKey, base: bytes) -> bool:
    try:
        key.public.verify(signature.value, base)
    except InvalidSignature:
        return False
    return True


def _is_for_us(member: object) -> bool:
    return (
        isinstance(member, tuple)
        and isinstance(member[0], list)
        and member[1].get("tag") == TAG
        and all(isinstance(item, tuple) and isinstance(item[0], str) for item in member[0])
    )


def _dictionary(header: str) -> dict[str, Any]:
    parsed = http_sf.parse(header.encode("latin-1"), tltype="dictionary")
    return parsed if isinstance(parsed, dict) else {}


def _bytes(member: object) -> bytes:
    return member[0] if isinstance(member, tuple) and isinstance(member[0], bytes) else b""


def normal_url(url: str) -> str:
    """Return an address in the form in which two of them are compared: without query, fragment and a bare path."""
    scheme, mark, rest = url.partition("#")[0].partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{mark}{host.lower().removesuffix(':443')}{slash if path else ''}{path}"
