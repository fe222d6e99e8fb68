"""E-mail: a message to one or more addresses, by SMTP with TLS.

Owns the form of the mail. Its Message-ID is made of the message's number, so that a mail sent twice is one in most programs.
"""

from __future__ import annotations

import smtplib
import ssl
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

from alerts.actions.delivery import SECONDS, ChannelUnusable, DeliveryFailed, secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from alerts.actions.delivery import Message, Send

_PORTS: Final = {"tls": 465, "starttls": 587, "none": 25}


def sender(options: Mapping[str, Any], directory: Path, name: str) -> Send:
    """Give what sends to the addresses of one channel, which is called `name`. Raises ChannelUnusable."""
    way = str(options.get("tls", "starttls"))
    host, port = str(options["host"]), int(options.get("port", _PORTS[way]))
    seconds = options.get("seconds", SECONDS)
    password = None
    if "password_file" in options:
        password = secret(directory / options["password_file"], "the password of the mail server").decode()
    try:
        context = ssl.create_default_context(
            cafile=str(directory / options["ca_file"]) if "ca_file" in options else None
        )
    except (OSError, ssl.SSLError) as error:
        raise ChannelUnusable(f"the authorities of the mail server cannot be read: {error}") from None

    def send(message: Message) -> None:
        try:
            mail = _mail(message, str(options["from"]), options["to"], name)
            server = (
                smtplib.SMTP_SSL(host, port, timeout=seconds, context=context)
                if way == "tls"
                else smtplib.SMTP(host, port, timeout=seconds)
            )
            with server:
                if way == "starttls":
                    server.starttls(context=context)
                if "user" in options:
                    server.login(str(options["user"]), password or "")
                server.send_message(mail)
        except (OSError, smtplib.SMTPException, MessageError, ValueError) as error:
            # what a server answers may repeat what was sent to it, so only the kind of its error is told
            told = str(error) if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException) else ""
            raise DeliveryFailed(f"the mail was not taken: {type(error).__name__} {told}".strip()) from None

    return send


def _mail(message: Message, from_: str, to: tuple[str, ...], name: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = f"[louver {message.severity}] {message.headline}"
    mail["From"] = from_
    mail["To"] = ", ".join(to)
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<louver-{name.encode().hex()}-{message.id}@{from_.rpartition('@')[2].strip('<> ')}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    return mail
