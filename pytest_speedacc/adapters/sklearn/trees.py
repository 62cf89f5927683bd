"""The trees of scikit-learn's tree ensembles: 2 x splits + leaf values.

A boosting model's constant starting score is not counted: LightGBM adds it to the leaves of its first
tree, so counting it elsewhere would make one model differ between libraries.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np

from pytest_speedacc.adapters.base import ParameterCount
from pytest_speedacc.adapters.sklearn.special import count_drawn_features


def count_tree(model: Any) -> ParameterCount:
    """One decision tree; a leaf holds one value a class, or one an output for regression."""
    tree = model.tree_
    leaves = int(tree.n_leaves)
    return ParameterCount.of_trees(1, tree.node_count - leaves, leaves, leaves * int(np.sum(tree.n_classes)))


def count_forest(model: Any) -> ParameterCount:
    """The sum over the trees."""
    return _sum_trees(model.estimators_)


def count_isolation_forest(model: Any) -> ParameterCount:
    """A leaf holds one path length; the offset is learned unless contamination is "auto"."""
    learned_offset = int(model.contamination != "auto")
    return _sum_trees(model.estimators_) + count_drawn_features(model) + ParameterCount(learned_offset)


def count_gradient_boosting(model: Any) -> ParameterCount:
    """The sum over rounds and classes."""
    return _sum_trees(model.estimators_.ravel())


def count_hist_gradient_boosting(model: Any) -> ParameterCount:
    """Splits and leaves of the predictors' own nodes, and each further category of a split by category."""
    predictors = list(chain.from_iterable(model._predictors))
    nodes = sum(len(predictor.nodes) for predictor in predictors)
    leaves = sum(int(predictor.nodes["is_leaf"].sum()) for predictor in predictors)
    # One row a split by category: the bits of the categories that go left, in the place of a threshold.
    bitsets = [predictor.raw_left_cat_bitsets for predictor in predictors]
    further = sum(int(np.unpackbits(each.view(np.uint8)).sum()) - len(each) for each in bitsets)
    return ParameterCount.of_trees(len(predictors), nodes - leaves, leaves, leaves + further)


def _sum_trees(estimators: Iterable[Any]) -> ParameterCount:
    return sum((count_tree(tree) for tree in estimators), ParameterCount(0))
