"""Weights as integers of 2 to 8 bits, packed without gaps: min / max affine quantization.

    scale = (max - min) / (2^bits - 1)      zero = round(-min / scale)      w ~ scale * (q - zero), 0 <= q < 2^bits

per tensor, or for each output channel on its own. Only weights of two dimensions and more are quantized; biases and
normalisation are few and stay float32. Every range is widened to hold zero, so that zero stays zero.
"""

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from workers.compression.tensor_files import read_tensors, write_tensors

Weights = Mapping[str, Tensor]


class _Any(Container[str]):
    def __contains__(self, name: object) -> bool:
        return True


ANY: Final = _Any()


def write_packed(weights: Weights, path: Path, *, bits: int, per_channel: bool, only: Container[str] = ANY) -> Path:
    """Quantizes and packs into a safetensors file.

    Args:
        only: names of what may be quantized; buffers, for instance, may not.

    Raises:
        ValueError: bits are not from 2 to 8.
    """
    tensors, shapes = dict[str, Tensor](), dict[str, list[int]]()
    for name, weight in weights.items():
        if name not in only or not _is_quantized(weight):
            tensors[name] = weight
            continue
        codes, scale, zero = quantize(weight, bits=bits, per_channel=per_channel)
        shapes[name] = list(weight.shape)
        tensors |= {f"{name}.packed": pack(codes, bits), f"{name}.scale": scale, f"{name}.zero": zero}
    return write_tensors(tensors, path, {"bits": bits, "per_channel": per_channel, "shapes": shapes})


def read_packed(path: Path) -> dict[str, Tensor]:
    """The weights in float32, as near as the bits allow; a file without packed weights, as it is."""
    tensors, facts = read_tensors(path)
    bits, shapes = facts.get("bits", 32), facts.get("shapes", {})
    found = {}
    for name, shape in shapes.items():
        codes = unpack(tensors.pop(f"{name}.packed"), bits, torch.Size(shape).numel())
        found[name] = dequantize(codes.reshape(shape), tensors.pop(f"{name}.scale"), tensors.pop(f"{name}.zero"))
    return tensors | found


def quantize(weight: Tensor, *, bits: int, per_channel: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Codes (uint8) of the weight's shape, and scale and zero (float32, uint8) of shape `(channels,)` or `(1,)`."""
    if not 2 <= bits <= 8:
        raise ValueError(f"weights can be packed into 2 to 8 bits, not {bits}")
    rows = weight.detach().float().reshape(weight.shape[0] if per_channel else 1, -1)
    low, high = rows.amin(1).clamp_max(0), rows.amax(1).clamp_min(0)
    top = 2**bits - 1
    scale = torch.where(high > low, (high - low) / top, 1.0)
    zero = (-low / scale).round().clamp(0, top)
    codes = (rows / scale[:, None] + zero[:, None]).round().clamp(0, top)
    return codes.to(torch.uint8).reshape(weight.shape), scale, zero.to(torch.uint8)


def dequantize(codes: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    """Codes back to float32."""
    rows = codes.reshape(len(scale), -1).float()
    return ((rows - zero[:, None].float()) * scale[:, None]).reshape(codes.shape)


def pack(codes: Tensor, bits: int) -> Tensor:
    """Codes, one after the other, lowest bit first, in `ceil(n * bits / 8)` bytes."""
    each = (codes.reshape(-1, 1).int() >> torch.arange(bits)) & 1  # (n, bits)
    padded = torch.nn.functional.pad(each.reshape(-1), (0, -each.numel() % 8)).reshape(-1, 8)
    return (padded << torch.arange(8)).sum(1).to(torch.uint8)


def unpack(packed: Tensor, bits: int, count: int) -> Tensor:
    """The `count` codes that `pack` was given."""
    each = ((packed.reshape(-1, 1).int() >> torch.arange(8)) & 1).reshape(-1)[: count * bits]
    return (each.reshape(count, bits) << torch.arange(bits)).sum(1).to(torch.uint8)


def _is_quantized(weight: Tensor) -> bool:
    return weight.ndim >= 2 and weight.is_floating_point()
