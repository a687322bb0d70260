"""A transport for SDKs on requests that use the server as a proxy: urllib3 lets small packets to a proxy wait (Nagle),
40 ms for each body."""

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.poolmanager import ProxyManager


class Prompt(HTTPAdapter):
    """The usual transport, sending at once."""

    def proxy_manager_for(self, proxy: str, **more: Any) -> ProxyManager:
        return super().proxy_manager_for(proxy, socket_options=HTTPConnection.default_socket_options, **more)
