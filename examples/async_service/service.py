"""A service that says of a tumour whether it is benign: it asks a store for the measurements, and a model."""

import asyncio
import time

from fastapi import FastAPI
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

app = FastAPI()
measured, benign = load_breast_cancer(return_X_y=True)
# Every second tumour: the others are for the evaluation.
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(measured[::2], benign[::2])
ANSWERS_AFTER = 0.02
"""Seconds that the store takes, as one in the next room would."""


async def ask_store(number: int) -> list[float]:
    """The measurements of a tumour, while the loop serves others."""
    await asyncio.sleep(ANSWERS_AFTER)
    return measured[number].tolist()


def ask_store_and_block(number: int) -> list[float]:
    """The same by a client that knows nothing of the loop: until the store answers, nobody is served."""
    time.sleep(ANSWERS_AFTER)
    return measured[number].tolist()


@app.get("/benign/{number}")
async def is_benign(number: int) -> dict[str, int]:
    return {"benign": int(model.predict([await ask_store(number)])[0])}


@app.get("/blocking/{number}")
async def is_benign_blocking(number: int) -> dict[str, int]:
    return {"benign": int(model.predict([ask_store_and_block(number)])[0])}
