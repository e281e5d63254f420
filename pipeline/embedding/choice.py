"""What a page owner may choose about the lines, and the lines for a choice: the same for the command and the page.

Owns the check of each choice. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, cast

from pipeline.embedding.platforms import PLATFORMS
from pipeline.embedding.snippet import PARTS, Lines, Part, Wish, snippet
from pipeline.settings.model import Settings
from pipeline.settings.site import Site

CONSENTS: Final = ("implied", "explicit", "wait")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The choices as they were written; '' is what the settings say. `technical` has names, separated by commas or spaces."""

    url: str = ""
    consent: str = ""
    ads: bool = False
    technical: str = ""
    sample: float = 1.0
    release: str = ""
    platform: str = ""


def chosen_lines(settings: Settings, site: Site, choice: Choice, today: date) -> tuple[Lines, ...]:
    """Return the lines for a site, for a platform the one file of it.

    Raises `ValueError`, which names the option and the expected values, and `Fatal` for a malformed collector address.
    """
    parts = tuple(choice.technical.replace(",", " ").split())
    if unknown := set(parts) - set(PARTS):
        raise ValueError(f"--technical knows {', '.join(PARTS)}; got {', '.join(sorted(unknown))}")
    if choice.consent not in ("", *CONSENTS):
        raise ValueError(f"--consent is implied, explicit or wait; got {choice.consent}")
    if choice.ads and choice.platform:
        raise ValueError("--ads has no file of its own; print the lines without --platform")
    if choice.platform not in ("", *PLATFORMS):
        raise ValueError(f"--platform is one of {', '.join(PLATFORMS)}; got {choice.platform}")
    wish = Wish(
        site=site.id,
        collector=choice.url or settings.collector.browser_url,
        consent=cast("Literal['implied', 'explicit', 'wait']", choice.consent or site.consent),
        keep=site.kept_parameters,
        ads=choice.ads,
        technical=cast("tuple[Part, ...]", parts),
        sample=choice.sample,
        release=choice.release,
        upstream=f"http://127.0.0.1:{settings.collector.port}",
        decided=f"{today:%Y-%m-%d}",
    )
    return (PLATFORMS[choice.platform](wish),) if choice.platform else snippet(wish)
