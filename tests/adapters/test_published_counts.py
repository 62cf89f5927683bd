"""Parameter counts of published image and language models, built from their configurations without a download."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers

from pytest_speedacc import count_parameters

pytestmark = pytest.mark.slow


def levit(sizes, heads, depths, key):
    """LeViT with the distillation head that its published counts include."""
    config = transformers.LevitConfig(
        hidden_sizes=sizes, num_attention_heads=heads, depths=depths, key_dim=[key] * 3, num_labels=1000
    )
    return transformers.LevitForImageClassificationWithTeacher(config)


PUBLISHED = {
    "levit_128s": (lambda: levit([128, 256, 384], [4, 6, 8], [2, 3, 4], 16), 7_777_058),
    "levit_128": (lambda: levit([128, 256, 384], [4, 8, 12], [4, 4, 4], 16), 9_213_936),
    "levit_192": (lambda: levit([192, 288, 384], [3, 5, 6], [4, 4, 4], 32), 10_947_069),
    "levit_256": (lambda: levit([256, 384, 512], [4, 6, 8], [4, 4, 4], 32), 18_893_876),
    "beit_base_patch16_224": (
        lambda: transformers.BeitForImageClassification(
            transformers.BeitConfig(use_relative_position_bias=True, num_labels=1000)
        ),
        86_530_984,
    ),
    "vit_base_patch16_224": (
        lambda: transformers.ViTForImageClassification(transformers.ViTConfig(num_labels=1000)),
        86_567_656,
    ),
    "bert_base": (lambda: transformers.BertModel(transformers.BertConfig()), 109_482_240),
}
"""Sources: timm's results-imagenet.csv, to two decimals of a million; BERT's paper gives 110 million."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts(name):
    build, published = PUBLISHED[name]
    with torch.no_grad():
        assert count_parameters(build()) == published
