"""Send a trigger to a webhook."""

import http.client
import json
import ssl
import threading
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from edge.base.errors import UserError
from edge.base.machine import package_version
from edge.base.settings import Webhook
from edge.outputs.rules.conditions import Trigger
from edge.sources.http_client import CERT_FILE_VARIABLE, Allowance, HttpHandler, HttpsHandler, Unanswered

RETRY_PAUSES = (1.0, 2.0, 4.0)
"""Seconds before each further attempt."""

RETRY_STATUSES = (408, 425, 429)
"""Statuses, beside those from 500, after which another attempt may succeed."""


class CallWebhook:
    """Posts the facts as JSON.

    Certificates are verified, redirections are not followed, and nothing of the response but its status is read.
    """

    kind, pictures = "webhook", False

    def __init__(self, address: str, webhook: Webhook, secret: str | None) -> None:
        """Prepare.

        Args:
            address: `http://…` or `https://…`.
            webhook: header and time-out.
            secret: value of the header; None sends none.
        """
        self._address, self._timeout = address, webhook.timeout
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": f"emotion-edge/{package_version('emotion-edge')}",
        }
        if secret:
            self._headers[webhook.header] = secret
        self._allowance = Allowance()
        self._opener = urllib.request.OpenerDirector()
        for handler in (  # none for redirections
            urllib.request.ProxyHandler(),
            urllib.request.UnknownHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            HttpHandler(self._allowance),
            HttpsHandler(self._allowance),
        ):
            self._opener.add_handler(handler)

    def run(self, trigger: Trigger, stop: threading.Event) -> None:
        content = json.dumps(trigger.facts()).encode()
        for pause in RETRY_PAUSES:
            try:
                return self._post(content)
            except (OSError, http.client.HTTPException) as error:
                if not _may_succeed(error) or stop.wait(pause):
                    raise self._told(error) from None
        try:
            self._post(content)
        except (OSError, http.client.HTTPException) as error:
            raise self._told(error) from None

    def close(self) -> None:
        """Nothing is held between two requests."""

    def _post(self, content: bytes) -> None:
        self._allowance.renew(self._timeout)
        request = urllib.request.Request(self._address, content, self._headers, method="POST")  # noqa: S310 - http, https
        self._opener.open(request, timeout=self._timeout).close()

    def _told(self, error: Exception) -> UserError:
        """Return the error without the address's path, which may be a secret."""
        parts, told = urlsplit(self._address), Unanswered(error)
        host = f"{parts.scheme}://{parts.netloc}"
        if told.untrusted:
            remedy = f"put that of its authority into a file and set {CERT_FILE_VARIABLE} to the path"
            return UserError(f"{host}: its certificate is not trusted", remedy)
        redirected = isinstance(error, urllib.error.HTTPError) and 300 <= error.code < 400
        return UserError(
            f"{host}: {told}", "name the address that it redirects to" if redirected else "check the webhook"
        )


def _may_succeed(error: Exception) -> bool:
    """Return whether another attempt may succeed."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= 500 or error.code in RETRY_STATUSES
    return not isinstance(getattr(error, "reason", error), ssl.SSLCertVerificationError)
