"""A frame of tumours, and a pipeline that treats its columns by their kind."""

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler


def tumours() -> tuple[pd.DataFrame, pd.Series]:
    """569 tumours: ten measurements, and to which of three sizes and two textures they belong, as texts."""
    frame, benign = load_breast_cancer(return_X_y=True, as_frame=True)
    mean = frame.filter(like="mean ")
    sizes = pd.cut(mean["mean area"], [0, 500, 800, float("inf")], labels=["small", "medium", "large"])
    textures = (mean["mean texture"] > 19).map({True: "coarse", False: "fine"})
    return mean.assign(size=sizes.astype(object), texture=textures.astype(object)), benign


def with_compactness(frame: pd.DataFrame) -> pd.DataFrame:
    """One column more: how compact a tumour is."""
    return frame.assign(compactness=frame["mean area"] / frame["mean perimeter"] ** 2)


def pipeline() -> Pipeline:
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(FunctionTransformer(with_compactness), columns, LogisticRegression(max_iter=1_000))
