"""Brings a freshly built model to the shapes of pruned weights, so that these can be loaded into it."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def fit_shapes(model: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    """Gives each layer, in place, as many channels as the weights have, so that `load_state_dict` takes them."""
    for prefix, module in model.named_modules():
        for name, own in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            wanted = weights.get(f"{prefix}.{name}" if prefix else name)
            if wanted is None or wanted.shape == own.shape:
                continue
            fresh = torch.zeros(wanted.shape, dtype=own.dtype)
            setattr(module, name, nn.Parameter(fresh) if isinstance(own, nn.Parameter) else fresh)
        _count_channels(module)
    return model


def _count_channels(module: nn.Module) -> None:
    match module:
        case nn.Linear():
            module.out_features, module.in_features = module.weight.shape
        case nn.Conv1d() | nn.Conv2d() | nn.Conv3d():
            is_depthwise = module.groups > 1 and module.groups == module.in_channels
            module.out_channels = module.weight.shape[0]
            module.groups = module.out_channels if is_depthwise else module.groups
            module.in_channels = module.weight.shape[1] * module.groups
        case nn.BatchNorm1d() | nn.BatchNorm2d() | nn.BatchNorm3d() if module.affine:
            module.num_features = module.weight.shape[0]
        case nn.LayerNorm() if module.elementwise_affine:
            module.normalized_shape = tuple(module.weight.shape)
