"""An axis of this project's own: how many leaves a boosted model has."""

from pytest_speedacc import Axis


def leaves(model, inputs):
    """Of all trees of a LightGBM or XGBoost classifier."""
    if hasattr(model, "booster_"):
        return sum(tree["num_leaves"] for tree in model.booster_.dump_model()["tree_info"])
    return sum(tree.count("leaf=") for tree in model.get_booster().get_dump())


def pytest_speedacc_axes():
    return [Axis("leaves", measure=leaves, per_environment=False)]
