"""An ASGI app that answers 43 bytes and does nothing else."""

from typing import Any

HEADERS = [(b"content-type", b"image/gif"), (b"content-length", b"43")]


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b"." * 43})
