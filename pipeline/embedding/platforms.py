"""The lines for a page owner's choice, and files to paste for sites that a program builds: WordPress, 1C-Bitrix, plain PHP, Turbo and htmx.

Owns the check of each choice, the same for the command and the page, and the code around the tag; the tag itself comes from `snippet`. The texts of WordPress, 1C-Bitrix and PHP find out whether
their page is an error page. Each prints one tag a page. Every value is escaped for HTML, then for PHP. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, cast

from pipeline.embedding.snippet import ATTRIBUTES, PARTS, Lines, Part, Wish, base_of, query, script, snippet, tag
from pipeline.settings.model import Settings
from pipeline.settings.site import Site

# Cloudflare's Rocket Loader, LiteSpeed Cache, Autoptimize and WP Rocket leave a script alone that has these.
_UNTOUCHED = 'data-cfasync="false" data-no-optimize="1" data-noptimize="1" nowprocket'
_STATUS = "STATUS"


def wordpress(wish: Wish) -> Lines:
    """Return a plugin for classic and block themes."""
    return Lines(
        "WordPress, classic and block themes",
        "save as wp-content/mu-plugins/clinic-pixel.php: it needs no activation, and no update of a theme removes it",
        f"""<?php
/*
Plugin Name: clinic-pixel
Description: Prints the tag of clinic-pixel once on every page of the site.
*/
defined('ABSPATH') || exit;

add_action('wp_body_open', 'clinic_pixel_print');
add_action('wp_footer', 'clinic_pixel_print'); // for a theme without wp_body_open

function clinic_pixel_print() {{
    static $printed = false;
    // Staff, previews and the customizer are no visits. Patients with an account are.
    if ($printed || current_user_can('edit_posts') || is_preview() || is_customize_preview()) {{
        return;
    }}
    $printed = true;
    if (is_search()) {{
        // Search results are the page /search/: the words are not sent. The tag would count them as the home page.
        printf(
            '<img src="%s" {ATTRIBUTES} referrerpolicy="no-referrer">',
            esc_url({_php(_address(wish))} . rawurlencode(home_url('/search/')))
        );
    }} elseif (is_404()) {{
        echo {_php(_for_wordpress(tag(wish, status="404")))};
    }} else {{
        echo {_php(_for_wordpress(tag(wish)))};
    }}
}}""",
    )


def bitrix(wish: Wish) -> Lines:
    """Return a function whose output Bitrix inserts when the whole page is built."""
    return Lines(
        "1C-Bitrix",
        "add to /local/php_interface/init.php, and call it in header.php of the site's template",
        f"""<?php
/*
Right after <body> in header.php of the site's template, outside of any cached component:
<?php $APPLICATION->AddBufferContent('clinicPixelTag'); ?>

Bitrix calls the function when the page is complete: a component may find out late that its page does not exist.
*/
function clinicPixelTag()
{{
    global $USER;
    // Administrators are no visitors.
    if (is_object($USER) && $USER->IsAdmin()) {{
        return '';
    }}
    if (defined('ERROR_404') && ERROR_404 === 'Y') {{
        return {_php(tag(wish, status="404"))};
    }}
    return {_php(tag(wish))};
}}""",
    )


def php(wish: Wish) -> Lines:
    """Return a file to include, with the script."""
    error = _php(tag(wish, status=_STATUS)).replace(f'data-status="{_STATUS}"', "data-status=\"' . $status . '\"")
    error = error.replace(f"e={_STATUS}", "e=' . $status . '")
    return Lines(
        "PHP",
        "save as clinic-pixel.php and include it once on every page, right after <body>",
        f"""<?php
// Knows an error page by the status that the page answers with.
echo (function () {{
    $status = (int) http_response_code();
    if ($status >= 400) {{
        return {error};
    }}
    return {_php(tag(wish))};
}})();""",
    )


def php_image(wish: Wish) -> Lines:
    """Return a file to include, with an image that prints the page's address."""
    base = base_of(wish)
    given = "".join(f"\n        {_php(name)} => {_php(value)}," for name, value in query(wish, "server").items())
    return Lines(
        "PHP without the script",
        "save as clinic-pixel.php and include it once on every page that no cache keeps, right after <body>",
        f"""<?php
echo (function () {{
    // Behind a proxy that ends TLS, write 'https' here.
    $scheme = in_array($_SERVER['HTTPS'] ?? 'off', ['', 'off'], true) ? 'http' : 'https';
    $status = (int) http_response_code();
    $query = [{given}
        'e' => $status >= 400 ? (string) $status : '',
        'u' => substr($scheme . '://' . $_SERVER['HTTP_HOST'] . $_SERVER['REQUEST_URI'], 0, 2000),
        'r' => substr($_SERVER['HTTP_REFERER'] ?? '', 0, 2000),
    ];
    $query = http_build_query(array_filter($query, 'strlen'), '', '&', PHP_QUERY_RFC3986);
    return '<img src="' . htmlspecialchars({_php(f"{base}/p.gif?")} . $query) . '" {ATTRIBUTES}>';
}})();""",
    )


def turbo(wish: Wish) -> Lines:
    """Return the script alone."""
    return Lines(
        "Turbo, htmx with hx-boost",
        "in <head> of every page. Without the noscript image: both load it although JavaScript is on, and count one more visit",
        script(wish),
    )


PLATFORMS: Mapping[str, Callable[[Wish], Lines]] = {
    "wordpress": wordpress,
    "bitrix": bitrix,
    "php": php,
    "php-image": php_image,
    "turbo": turbo,
}
"""The texts by the name that `snippet --platform` takes."""


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


def _address(wish: Wish) -> str:
    given = "&".join(f"{name}={value}" for name, value in query(wish, "server").items())
    return f"{base_of(wish)}/p.gif?{given}&u="


def _for_wordpress(text: str) -> str:
    return text.replace("<script async ", f"<script async {_UNTOUCHED} ")


def _php(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
