"""Sends webhooks over HTTP: one client for all, no redirects, no proxies, nothing read of what is answered."""

import asyncio

import httpx2

ANSWER_S = 10.0
"""How long a receiver has to answer."""


class WebhookPost:
    """The `post` of `app.services.webhooks.Webhooks`.

    Args:
        transport: any httpx2 transport; tests pass their own.
    """

    def __init__(self, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._http = httpx2.AsyncClient(
            timeout=None,  # httpx's is for each piece of an answer
            follow_redirects=False,
            trust_env=False,
            transport=transport,
            headers={"User-Agent": "studyhall-webhook/1"},
        )

    async def __call__(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """The receiver's status.

        Raises:
            OSError: nobody has answered in time.
        """
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                self._http.stream("POST", url, headers=headers, content=body) as answer,
            ):
                return answer.status_code
        except TimeoutError as error:
            raise TimeoutError(f"the receiver did not answer within {ANSWER_S:g} s") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise OSError(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Closes its connections."""
        await self._http.aclose()
