"""Vision transformers from their configurations alone: nothing is downloaded, and the weights are random."""

import torch
from transformers import (
    BeitConfig,
    BeitForImageClassification,
    LevitConfig,
    LevitForImageClassificationWithTeacher,
    ViTConfig,
    ViTForImageClassification,
)

# One image keeps one core busy. With more threads the times would be those of a machine that serves nobody else.
torch.set_num_threads(1)


def levit(sizes, heads, depths, key):
    """A LeViT with its two heads, the second of which learned from a teacher."""
    config = LevitConfig(
        hidden_sizes=sizes, num_attention_heads=heads, depths=depths, key_dim=[key] * 3, num_labels=1000
    )
    return LevitForImageClassificationWithTeacher(config)


BUILD = {
    "levit_128s": lambda: levit([128, 256, 384], [4, 6, 8], [2, 3, 4], 16),
    "levit_128": lambda: levit([128, 256, 384], [4, 8, 12], [4, 4, 4], 16),
    "levit_192": lambda: levit([192, 288, 384], [3, 5, 6], [4, 4, 4], 32),
    "levit_256": lambda: levit([256, 384, 512], [4, 6, 8], [4, 4, 4], 32),
    "beit_base": lambda: BeitForImageClassification(BeitConfig(use_relative_position_bias=True, num_labels=1000)),
}
"""What builds each model, by its name."""


def probabilities(model, images):
    """How sure the model is of each class: what it returns are raw scores."""
    return model(pixel_values=images).logits.softmax(-1)


def train_small(images, labels, epochs=30):
    """A transformer of two layers for images of 8 x 8 pixels, trained in seconds: its answers are real ones."""
    torch.manual_seed(0)
    model = ViTForImageClassification(
        ViTConfig(
            image_size=8,
            patch_size=2,
            num_channels=1,
            hidden_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=96,
            hidden_dropout_prob=0,
            attention_probs_dropout_prob=0,
            num_labels=10,
        )
    ).train()
    optimiser = torch.optim.AdamW(model.parameters())
    steps = -(-len(images) // 32)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, epochs=epochs, steps_per_epoch=steps)
    images, labels = torch.from_numpy(images), torch.from_numpy(labels)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(32):
            optimiser.zero_grad()
            model(pixel_values=images[batch], labels=labels[batch]).loss.backward()
            optimiser.step()
            schedule.step()
    return model
