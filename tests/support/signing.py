"""A program that signs its requests, for tests; it puts the signed bytes together without the code under test."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipeline.event import SignedRequest
from pipeline.networks.signed_agents import SignedAgents
from pipeline.signatures.check import Signer
from pipeline.signatures.key_set import AgentKey, thumbprint

NOW_S = 1_795_348_800
AGENT = "https://agent.example"
HOST = "stats.clinic.example"
TARGET = "/p.gif?s=clinic"


class Program:
    """A program with a key that signs requests."""

    def __init__(self, name: str = "agent", url: str = AGENT, seed: int = 1) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.raw = self.private.public_key().public_bytes_raw()
        self.id = thumbprint(self.raw)
        self.signer = Signer(name, url, "directory", {self.id: AgentKey(self.private.public_key())})

    def sign(self, parameters: dict[str, Any] | None = None, **changed: Any) -> SignedRequest:
        """Return a request."""
        label, agent = changed.get("label", "sig1"), changed.get("agent", f'sig1="{AGENT}"')
        authority, target = changed.get("authority", HOST), changed.get("target", TARGET)
        components = changed.get("components", '"@authority" "signature-agent";key="sig1"')
        given = {
            "created": NOW_S - 1, "expires": NOW_S + 300, "keyid": self.id, "nonce": "bm9uY2U=", "tag": "web-bot-auth",
            **(parameters or {}),
        }  # fmt: skip
        written = "".join(f";{name}={json.dumps(value)}" for name, value in given.items() if value is not None)
        values = {
            '"@authority"': authority,
            '"@method"': "GET",
            '"@path"': target.partition("?")[0],
            '"@query"': f"?{target.partition('?')[2]}",
            '"@target-uri"': f"https://{authority}{target}",
            '"@scheme"': "https",
            '"signature-agent"': agent,
            '"signature-agent";key="sig1"': agent.partition("=")[2],
            '"content-digest"': "x",
        }
        lines = [f"{name}: {values[name]}" for name in components.split(" ")]
        lines.append(f'"@signature-params": ({components}){written}')
        value = b64encode(self.private.sign("\n".join(lines).encode())).decode()
        return SignedRequest(
            agent, f"{label}=({components}){written}", f"{label}=:{value}:", authority=authority, target=target
        )

    def jwk(self, **changed: Any) -> dict[str, Any]:
        """Return the public key in the form of a directory."""
        return {"kty": "OKP", "crv": "Ed25519", "x": urlsafe_b64encode(self.raw).decode().rstrip("="), **changed}

    def headers(self, **changed: Any) -> dict[str, str]:
        """Return the three headers of a signed request."""
        request = self.sign(**changed)
        return {"signature-agent": request.agent, "signature-input": request.inputs, "signature": request.signatures}


def known(*programs: Program) -> SignedAgents:
    """Return the tables of these programs, without files."""
    agents = SignedAgents()
    agents.signers = tuple(program.signer for program in programs)
    return agents
