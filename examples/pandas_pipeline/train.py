"""Write ``weights/tumours.joblib``, which git does not know: ``python train.py``."""

from pathlib import Path

import joblib
from pipeline import pipeline, tumours

WEIGHTS = Path(__file__).parent / "weights" / "tumours.joblib"


def main() -> None:
    frame, benign = tumours()
    # Every second one: the others are for the evaluation.
    model = pipeline().fit(frame[::2], benign[::2])
    WEIGHTS.parent.mkdir(exist_ok=True)
    joblib.dump(model, WEIGHTS)


if __name__ == "__main__":
    main()
