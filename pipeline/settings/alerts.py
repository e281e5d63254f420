"""The settings of alerts about problems: how many, when, in which language, and by which ways.

Owns the models `Alerts` and `Mail`. Rules: nothing leaves this machine by default; an address outside of it is reached with a verified
certificate only; a password is in a file of the directory of secrets and never in a setting.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.settings import values as setting_values
from pipeline.settings.sections import Port, Section

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Language = Literal["en", "ru"]
SinkName = Literal["webhook", "mail"]
MailAddress = Annotated[str, AfterValidator(setting_values.mail_address)]
WEEKDAYS: Final[tuple[Weekday, ...]] = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip


class Mail(Section):
    """Alerts by mail. The password of `user` is in `smtp.password` of the directory of secrets (mode 0600)."""

    host: Annotated[str, AfterValidator(setting_values.server_host)] = Field("", description="The SMTP server.")
    port: Port = Field(587, description="Its port; usually 587 with `starttls` and 465 with `tls`.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        description="How the connection is encrypted; the certificate is verified. `none` is for a server on this machine alone.",
    )
    sender: Annotated[str, AfterValidator(setting_values.optional_mail_address)] = Field(
        "", description="Address that the mails come from."
    )
    recipients: tuple[MailAddress, ...] = Field((), max_length=20, description="Addresses that receive the mails.")
    user: str = Field("", max_length=256, pattern=r"^[\x21-\x7e]*$", description="User of the server. Empty: no login.")

    @model_validator(mode="after")
    def _no_plain_text_over_a_network(self) -> Mail:
        if self.security == "none" and self.host and not setting_values.is_this_machine(self.host):
            raise ValueError('security = "none" is for a server on this machine alone; expected "starttls" or "tls"')
        return self


class Alerts(Section):
    """Alerts about problems of the sites. The log of `ship` and /metrics always have them."""

    sinks: tuple[SinkName, ...] = Field((), description="Further ways of alerts. Default: none.")
    per_week: int = Field(
        3,
        ge=0,
        le=100,
        description="How many problems of one site are told at once within any 7 days, the most costly first; the others are in"
        " the digest.",
    )
    language: Language = Field("en", description="Language of the texts.")
    digest_day: Weekday = Field("monday", description="Day of the weekly digest, in the time zone of the site.")
    digest_hour: int = Field(9, ge=0, le=23, description="Hour of the weekly digest, in the time zone of the site.")
    webhook_url: Annotated[str, AfterValidator(setting_values.webhook_address)] = Field(
        "",
        description='Address that receives each alert as a signed POST (docs/runbook.md, "Alerts"): https, or http on this machine.',
    )
    ca_file: Path | None = Field(
        None,
        description="File with the certificates (PEM) that may sign those of the webhook's and the mail server. Unset: the"
        " system's.",
    )
    mail: Mail = Field(Mail(), description="The mail server and the recipients.")

    @model_validator(mode="after")
    def _each_sink_has_its_place(self) -> Alerts:
        if len(set(self.sinks)) != len(self.sinks):
            raise ValueError("sinks: every sink must be named once")
        if "webhook" in self.sinks and not self.webhook_url:
            raise ValueError('the sink "webhook" needs webhook_url')
        if "mail" in self.sinks and not (self.mail.host and self.mail.sender and self.mail.recipients):
            raise ValueError('the sink "mail" needs mail.host, mail.sender and mail.recipients')
        return self
