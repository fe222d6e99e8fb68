"""Webhooks: a message as JSON, by POST, signed.

Owns the form of the request. `Louver-Signature` is `sha256=` and the HMAC-SHA-256, in hexadecimal digits, of `Louver-Timestamp` (seconds
since the epoch), a full stop, and the body; `Louver-Delivery` is the message's number. Redirects are not followed: what names people goes
where it was meant to, or nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from alerts.actions.delivery import SECONDS, ChannelUnusable, DeliveryFailed, secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from alerts.actions.delivery import Message, Send


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for the error that it is."""

    def redirect_request(self, *_: Any) -> None:  # noqa: ANN401  as it is called
        """Follow nothing."""


def sender(options: Mapping[str, Any], directory: Path, clock: Callable[[], float] = time.time) -> Send:
    """Give what sends to one webhook. Relative paths are those of `directory`. Raises ChannelUnusable."""
    url = str(options["url"])
    key = secret(directory / options["secret_file"], "the secret of the webhook") if "secret_file" in options else None
    seconds = options.get("seconds", SECONDS)
    try:
        context = ssl.create_default_context(
            cafile=str(directory / options["ca_file"]) if "ca_file" in options else None
        )
    except (OSError, ssl.SSLError) as error:
        raise ChannelUnusable(f"the authorities of the webhook cannot be read: {error}") from None
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=context))

    def send(message: Message) -> None:
        body = json.dumps({"id": message.id, "text": message.text, **message.fields}, ensure_ascii=False).encode()
        moment = str(int(clock()))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "louver",
            "Louver-Delivery": str(message.id),
            "Louver-Timestamp": moment,
        }
        if key is not None:
            headers["Louver-Signature"] = "sha256=" + signature(key, moment, body)
        asked = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310  http and https alone, by the file's reader
        try:
            with opener.open(asked, timeout=seconds) as answer:
                answer.read(1)
        except urllib.error.HTTPError as error:
            with error:
                raise DeliveryFailed(f"the webhook answers {error.code}") from None
        except (OSError, HTTPException) as error:  # URLError is one
            raise DeliveryFailed(f"the webhook cannot be reached: {getattr(error, 'reason', error)}") from None

    return send


def signature(key: bytes, moment: str, body: bytes) -> str:
    """Sign a body as sent at a moment: whoever gets it can tell that it is ours, and when it was sent."""
    return hmac.new(key, moment.encode() + b"." + body, hashlib.sha256).hexdigest()
