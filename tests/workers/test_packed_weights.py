import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.compression.packed_weights import dequantize, pack, quantize, read_packed, unpack, write_packed
from workers.compression.tensor_files import read_tensors, write_tensors


@given(bits=st.integers(2, 8), codes=st.lists(st.integers(0, 255), min_size=1, max_size=50))
@settings(max_examples=60, deadline=None)
def test_codes_come_out_of_the_package_as_they_went_in(bits, codes):
    given_codes = torch.tensor([code % 2**bits for code in codes], dtype=torch.uint8)

    packed = pack(given_codes, bits)

    assert len(packed) == -(-len(codes) * bits // 8)
    assert unpack(packed, bits, len(codes)).tolist() == given_codes.tolist()


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_weight_is_off_by_no_more_than_a_step(bits, per_channel):
    weight = torch.randn(6, 5, 3, generator=torch.Generator().manual_seed(1))

    codes, scale, zero = quantize(weight, bits=bits, per_channel=per_channel)

    step = scale.reshape(-1, 1, 1) if per_channel else scale
    assert ((dequantize(codes, scale, zero) - weight).abs() <= step + 1e-6).all()


def test_zero_stays_zero():
    weight = torch.tensor([[0.0, 0.3, 0.9], [0.0, -2.0, -1.0]])

    assert (dequantize(*quantize(weight, bits=3, per_channel=True))[:, 0] == 0).all()


def test_a_constant_weight_survives():
    weight = torch.zeros(2, 3)

    assert torch.equal(dequantize(*quantize(weight, bits=2, per_channel=False)), weight)


def test_a_packed_file_holds_the_weights_in_the_promised_bits(tmp_path):
    weights = {"layer.weight": torch.randn(64, 100), "layer.bias": torch.randn(64), "steps": torch.tensor(3)}

    path = write_packed(weights, tmp_path / "w.safetensors", bits=4, per_channel=True)

    found = read_packed(path)
    assert torch.equal(found["layer.bias"], weights["layer.bias"])
    assert (found["layer.weight"] - weights["layer.weight"]).abs().max() < 0.5
    assert path.stat().st_size < 64 * 100 / 2 + 1500


@pytest.mark.parametrize("bits", [1, 9])
def test_other_numbers_of_bits_are_refused(bits):
    with pytest.raises(ValueError, match="2 to 8"):
        quantize(torch.ones(2, 2), bits=bits, per_channel=True)


def test_a_tensor_file_is_the_same_bytes_each_time(tmp_path):
    weights = {"b": torch.ones(2), "a": torch.zeros(3)}

    files = [
        write_tensors(weights, tmp_path / f"{number}.safetensors", facts).read_bytes()
        for number, facts in enumerate([{"x": 1, "y": 2}, {"y": 2, "x": 1}])
    ]

    assert files[0] == files[1]
    assert read_tensors(tmp_path / "0.safetensors")[1] == {"x": 1, "y": 2}
