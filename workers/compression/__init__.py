"""From a trained network to a small one: distill, prune, quantize, export, each step measured.

A pipeline is an ordered list of stages. Their knobs are ordinary parameters of a study (`prune.target`), their figures
ordinary metrics (`prune.accuracy`), so that every engine searches them and every objective may name them. Nothing here
knows the built-in trainables: a stage takes any `nn.Module` and rows of tensors (`workers.compression.compress`).

Why onnxruntime's quantization and not torch's: torch.ao is deprecated, torchao brings no gain on CPUs, and what is
deployed is an ONNX file anyway. Why local pruning: ranked globally, small networks lose whole layers (measured: .36
accuracy where layer by layer keeps .987).
"""
