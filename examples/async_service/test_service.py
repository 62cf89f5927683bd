"""The 95th percentile of a service under load, from the request to the answer, without a network."""

import asyncio

import httpx
import numpy as np
import pytest
from service import app, benign

NUMBERS = np.arange(1, len(benign), 2)
"""The tumours that the model was not trained on."""
# anyio comes with httpx and FastAPI, and with it what runs an async test.
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def client():
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


def asking(client, path):
    """The service as a model: one request for each number, and the answers."""

    async def ask(numbers):
        # As over a socket, a request arrives first and is served when the loop comes to it: that wait is part of it.
        await asyncio.sleep(0)
        replies = [await client.get(f"/{path}/{number}") for number in numbers]
        return np.array([reply.raise_for_status().json()["benign"] for reply in replies])

    return ask


async def test_service(speedacc, client):
    await speedacc.acheck(asking(client, "benign"), NUMBERS, benign[NUMBERS], concurrency=8)


@pytest.mark.xfail(reason="its client blocks the event loop, and the message says so", strict=True)
async def test_service_that_blocks(speedacc, client):
    await speedacc.acheck(asking(client, "blocking"), NUMBERS, benign[NUMBERS], concurrency=8)
