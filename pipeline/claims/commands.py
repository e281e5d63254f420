"""`fraud claim` and `fraud advice`: what leaves the clinic about confirmed cases."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import Fatal
from pipeline.settings import model as all_settings
from pipeline.system.console import ConfigOption, Format, FormatOption, chosen, errors, language_of, print_rows


def register(group: typer.Typer) -> None:
    """Add the commands to the group `fraud`."""
    group.command("claim")(claim_refund)
    group.command("advice")(show_advice)


def claim_refund(
    case: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="The whole number of a case whose newest verdict is confirmed.", show_default=False
        ),
    ],
    key: Annotated[
        Path, typer.Option("--key", help="The private half of `keys claim-pair`, mode 0600.", show_default=False)
    ],
    purpose: Annotated[str, typer.Option(help="The purpose in words; it is audited.", show_default=False)],
    network: Annotated[
        str, typer.Option(help="Only click ids of this kind, such as gclid or yclid.", show_default="all")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="New file for the list, as CSV.", show_default=False)
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="New file for the printable page, as HTML.", show_default=False)
    ] = None,
    lang: Annotated[str, typer.Option(help="Language of the page: en or ru.", show_default="LANG")] = "",
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Open the sealed click ids of a confirmed case and fill in the forms of the ad networks; audited first.

    Without --out and --page the list is printed. The page and the list name no address, no visitor and no token.
    """
    from pipeline.audit.log import Audit, operator
    from pipeline.claims import forms
    from pipeline.claims.claim import claim, read_request
    from pipeline.claims.switch import refuse_where_off
    from pipeline.system.durable_files import create_once
    from pipeline.system.hardening import harden_process

    try:
        request = read_request(case, purpose, network, who=operator())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    language = language_of(lang)
    if taken := [file for file in (out, page) if file is not None and file.exists()]:
        raise Fatal(f"{taken[0]}: exists; expected the name of a new file")
    settings = all_settings.load(config)
    refuse_where_off(settings)
    harden_process()
    per_hour = settings.privacy.reveals_per_hour
    made = claim(settings, Audit(settings.audit_dir), request, key, now=datetime.now(UTC), per_hour=per_hour)
    for file, text in ((out, forms.csv_text), (page, lambda each: forms.page_html(each, language))):
        if file is not None:
            if not create_once(file, text(made).encode()):
                raise Fatal(f"{file}: exists; expected the name of a new file")
            errors.print(f"clicks: {len(made.clicks)}, in {file}, for its owner alone", highlight=False, markup=False)
    if out is None and page is None:
        print_rows(forms.COLUMNS, forms.rows(made), form, title=forms.words(language)["title"])


def show_advice(
    lang: Annotated[str, typer.Option(help="Language: en or ru.", show_default="LANG")] = "",
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what a firewall rule for the confirmed cases could look like, and whom else it would have hit; never applied."""
    from pipeline.claims.advice import Suggestion, advice
    from pipeline.claims.forms import words
    from pipeline.claims.switch import refuse_where_off

    language = language_of(lang)
    said, settings = words(language), all_settings.load(config)
    refuse_where_off(settings)
    found = advice(settings)
    if chosen(form) is not Format.TABLE:
        print_rows(Suggestion._fields, found, form)
    elif found:
        sentences = [(each.site, each.suggestion if language == "en" else each.suggestion_ru) for each in found]
        print_rows((said["site"], said["advice"]), sentences, form, note=said["advice_note"])
    else:
        errors.print(said["no_advice"], highlight=False, markup=False)
