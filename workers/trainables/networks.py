"""The networks of the built-in trainables, each built from a description that JSON can hold."""

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from torch import Tensor, nn

from studyhall.architecture.graph import Graph, Node
from studyhall.errors import FieldError, InvalidInput
from workers.networks.build import build
from workers.trainables.trainable import Declared

Activation = Literal["relu", "gelu", "silu", "tanh"]
_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}
Size = Annotated[int, Field(ge=1, le=2**20)]


class MLP(Declared):
    """Layers of equal width. Input `(n, ...)` is flattened to `(n, inputs)`; output `(n, outputs)`."""

    kind: Literal["mlp"] = "mlp"
    inputs: Size
    outputs: Size
    depth: Annotated[int, Field(ge=0, le=64)]
    width: Size
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    activation: Activation = "relu"
    batch_norm: bool = False

    def build(self) -> nn.Sequential:
        """The network, with fresh weights from torch's generator."""
        widths = [self.inputs] + [self.width] * self.depth
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise(widths):
            layers.append(nn.Linear(before, after, bias=not self.batch_norm))
            layers += [nn.BatchNorm1d(after)] if self.batch_norm else []
            layers += [_ACTIVATIONS[self.activation](), *_dropout(self.dropout)]
        return nn.Sequential(*layers, nn.Linear(widths[-1], self.outputs))


class CNN(Declared):
    """Blocks of convolution, normalisation and activation; the image halves and the channels double between them.

    Input `(n, channels, side, side)`, output `(n, outputs)`. Halving and doubling end when a side would fall below 2.
    The last layer sees 4 by 4 places at most: averaged to one place, an 8 by 8 digit is told apart only half as well.
    """

    kind: Literal["cnn"] = "cnn"
    channels: Size
    side: Size
    outputs: Size
    depth: Annotated[int, Field(ge=1, le=64)]
    width: Size
    """Channels of the first block."""
    kernel: Literal[1, 3, 5, 7] = 3
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    activation: Activation = "relu"

    def build(self) -> nn.Sequential:
        """The network, with fresh weights from torch's generator."""
        layers: list[nn.Module] = []
        before, after, side = self.channels, self.width, self.side
        for block in range(self.depth):
            if block and side >= 4:
                layers.append(nn.MaxPool2d(2))
                after, side = after * 2, side // 2
            layers += [
                nn.Conv2d(before, after, self.kernel, padding=self.kernel // 2, bias=False),
                nn.BatchNorm2d(after),
                _ACTIVATIONS[self.activation](),
            ]
            before = after
        places = min(side, 4)
        layers += [nn.AdaptiveAvgPool2d(places)] if side > places else []
        layers += [nn.Flatten(), *_dropout(self.dropout)]
        return nn.Sequential(*layers, nn.Linear(before * places**2, self.outputs))


class CNN1D(Declared):
    """The same for sequences: input `(n, channels, length)`, output `(n, outputs)`."""

    kind: Literal["cnn1d"] = "cnn1d"
    channels: Size
    length: Size
    outputs: Size
    depth: Annotated[int, Field(ge=1, le=64)]
    width: Size
    """Channels of the first block."""
    kernel: Literal[1, 3, 5, 7, 9] = 3
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    activation: Activation = "relu"

    def build(self) -> nn.Sequential:
        """The network, with fresh weights from torch's generator."""
        layers: list[nn.Module] = []
        before, after, length = self.channels, self.width, self.length
        for block in range(self.depth):
            if block and length >= 8:
                layers.append(nn.MaxPool1d(2))
                after, length = after * 2, length // 2
            layers += [
                nn.Conv1d(before, after, self.kernel, padding=self.kernel // 2, bias=False),
                nn.BatchNorm1d(after),
                _ACTIVATIONS[self.activation](),
            ]
            before = after
        places = min(length, 8)
        layers += [nn.AdaptiveAvgPool1d(places)] if length > places else []
        layers += [nn.Flatten(), *_dropout(self.dropout)]
        return nn.Sequential(*layers, nn.Linear(before * places, self.outputs))


class Recurrent(Declared):
    """A GRU or LSTM whose states, averaged over the sequence, are classified.

    Input `(n, channels, length)`, output `(n, outputs)`.
    """

    kind: Literal["recurrent"] = "recurrent"
    cell: Literal["gru", "lstm"] = "gru"
    channels: Size
    outputs: Size
    depth: Annotated[int, Field(ge=1, le=16)]
    width: Size
    """Units of each layer, and of each direction."""
    bidirectional: bool = True
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def build(self) -> nn.Module:
        """The network, with fresh weights from torch's generator."""
        return _RecurrentNet(self)


class _RecurrentNet(nn.Module):
    def __init__(self, described: Recurrent) -> None:
        super().__init__()
        self.states = {"gru": nn.GRU, "lstm": nn.LSTM}[described.cell](
            described.channels,
            described.width,
            described.depth,
            batch_first=True,
            dropout=described.dropout if described.depth > 1 else 0.0,
            bidirectional=described.bidirectional,
        )
        self.dropout = nn.Dropout(described.dropout)
        self.scores = nn.Linear(described.width * (1 + described.bidirectional), described.outputs)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.states(x.transpose(1, 2))  # (n, length, units)
        scores: Tensor = self.scores(self.dropout(states.mean(1)))
        return scores


class SearchedNode(Declared):
    """A node of a network that was found: what `studyhall.architecture.graph.Node` says."""

    op: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    attributes: tuple[tuple[str, bool | int | float | str | None], ...] = ()


class SearchedNetwork(Declared):
    """The network of an architecture, resolved."""

    kind: Literal["searched"] = "searched"
    nodes: tuple[SearchedNode, ...]

    @classmethod
    def of(cls, graph: Graph) -> "SearchedNetwork":
        """The description of a resolved architecture."""
        nodes = (
            SearchedNode(op=n.op, inputs=n.inputs, shape=n.shape, attributes=n.attributes)
            for n in graph.canonical.nodes
        )
        return cls(nodes=tuple(nodes))

    def build(self) -> nn.Module:
        """The network, with fresh weights from torch's generator."""
        return build(Graph(tuple(Node(n.op, n.inputs, n.shape, n.attributes) for n in self.nodes)))


def searched_network(network: Graph | None, inputs: tuple[int, ...], outputs: int) -> SearchedNetwork | None:
    """The network of a trial whose study searches architectures; None for any other trial.

    Raises:
        InvalidInput: the architecture is for data of another shape.
    """
    if network is None:
        return None
    before, after = network.nodes[0].shape, network.nodes[-1].shape
    faults = [
        FieldError(f"/space/architecture/{field}", f"the data has {has}, the architecture {says}")
        for field, has, says in (("input", list(inputs), list(before)), ("output", outputs, after[0]))
        if has != says
    ]
    if faults:
        raise InvalidInput("the architecture does not fit the data", errors=faults)
    return SearchedNetwork.of(network)


AnyNetwork = MLP | CNN | CNN1D | Recurrent | SearchedNetwork
Network = Annotated[AnyNetwork, Field(discriminator="kind")]
_ANY: TypeAdapter[AnyNetwork] = TypeAdapter(Network)


def network_of(description: dict[str, Any]) -> AnyNetwork:
    """The network that a description read from JSON stands for."""
    return _ANY.validate_python(description)


def _dropout(rate: float) -> list[nn.Module]:
    return [nn.Dropout(rate)] if rate else []


Init = Literal["torch", "kaiming", "xavier", "orthogonal"]
_INITS: dict[Init, Callable[[Tensor], Tensor]] = {
    "kaiming": nn.init.kaiming_normal_,
    "xavier": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
}


def initialize(model: nn.Module, way: Init) -> None:
    """Draws all weights of two dimensions and more anew; biases and normalisation stay as they are."""
    if way != "torch":
        for weight in model.parameters():
            if weight.ndim >= 2:
                _INITS[way](weight)


def count_weights(model: nn.Module) -> int:
    """How many numbers a training may change."""
    return sum(weight.numel() for weight in model.parameters())


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """A copy of all weights and buffers, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
