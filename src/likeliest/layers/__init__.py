"""The layers: what a user writes. A layer is a frozen description; ``build(net, x)`` emits its operations."""

from likeliest.layers.activation import Activation
from likeliest.layers.attention import Attention
from likeliest.layers.base import Layer, Merge
from likeliest.layers.bidirectional import Bidirectional
from likeliest.layers.convolution import Conv1D, Conv2D, Conv3D
from likeliest.layers.dense import Dense
from likeliest.layers.dropout import Dropout
from likeliest.layers.embedding import Embedding
from likeliest.layers.encoder_decoder import EncoderDecoder
from likeliest.layers.flatten import Flatten
from likeliest.layers.gaussian_noise import GaussianNoise
from likeliest.layers.graph import Graph
from likeliest.layers.gru import GRU
from likeliest.layers.last import Last
from likeliest.layers.lstm import LSTM
from likeliest.layers.merging import Add, Concatenate
from likeliest.layers.normalization import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from likeliest.layers.parallel import Parallel
from likeliest.layers.pooling import (
    AvgPool1D,
    AvgPool2D,
    AvgPool3D,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool1D,
    MaxPool2D,
    MaxPool3D,
)
from likeliest.layers.positions import Positions
from likeliest.layers.rescale import Rescale
from likeliest.layers.residual import Residual
from likeliest.layers.rnn import RNN
from likeliest.layers.separable_convolution import SeparableConv1D, SeparableConv2D, SeparableConv3D
from likeliest.layers.token_embedding import TokenEmbedding
from likeliest.layers.transformer_block import TransformerBlock
from likeliest.layers.transposed_convolution import ConvTranspose1D, ConvTranspose2D, ConvTranspose3D
from likeliest.layers.upsampling import Upsample1D, Upsample2D, Upsample3D

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Activation",
    "Add",
    "Attention",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "BatchNorm",
    "Bidirectional",
    "Concatenate",
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "ConvTranspose1D",
    "ConvTranspose2D",
    "ConvTranspose3D",
    "Dense",
    "Dropout",
    "Embedding",
    "EncoderDecoder",
    "Flatten",
    "GaussianNoise",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "Graph",
    "GroupNorm",
    "Last",
    "Layer",
    "LayerNorm",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "Merge",
    "Parallel",
    "Positions",
    "RMSNorm",
    "Rescale",
    "Residual",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConv3D",
    "TokenEmbedding",
    "TransformerBlock",
    "Upsample1D",
    "Upsample2D",
    "Upsample3D",
]
