"""The naive build: Starlette, and one insert through clickhouse_connect for each request.

`NAIVE_ASYNC=1` lets ClickHouse gather the inserts (`async_insert`), each request still waits for its own.
"""

import os
from datetime import UTC, datetime

import clickhouse_connect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

COLUMNS = ["at", "address", "agent", "page", "referrer", "cookie", "nonce"]
GATHERED = {"async_insert": 1, "wait_for_async_insert": 1} if os.environ.get("NAIVE_ASYNC") else {}

client = clickhouse_connect.get_client(
    host="127.0.0.1",
    port=int(os.environ["NAIVE_PORT"]),
    username=os.environ["NAIVE_USER"],
    password=os.environ["NAIVE_PASSWORD"],
    autogenerate_session_id=False,
)


def pixel(request: Request) -> Response:
    get, header = request.query_params.get, request.headers.get
    row = [
        datetime.now(UTC),
        header("x-forwarded-for", ""),
        header("user-agent", ""),
        get("u", ""),
        get("r", ""),
        request.cookies.get("__Host-px", ""),
        int(get("n") or 0),
    ]
    client.insert("pixel.naive", [row], column_names=COLUMNS, settings=GATHERED)
    return Response(b"." * 43, media_type="image/gif")


app = Starlette(routes=[Route("/p.gif", pixel)])
