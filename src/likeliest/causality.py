"""Causality: whether what a network says at a step hangs on that step and earlier ones only.

Then a sequence can go on: what comes later changes nothing of what came before.
"""

from __future__ import annotations

from likeliest.ops import ACTIVATIONS, RECURRENCES
from likeliest.program import INPUT, OUTPUT, Program, Step

BY_NUMBER = frozenset({"add", "dropout", "gaussian_noise", "token_embedding", *ACTIVATIONS})
"""Operations that take each number by itself, and so those of one step each from a sequence of numbers (n, T)."""

BY_STEP = BY_NUMBER | {
    "affine", "append", "batch_norm", "concatenate", "gate", "layer_norm", "positions", "rescale", "rms_norm", "rotary",
    "sinusoidal",
}  # fmt: skip
"""Operations that take each step of a sequence (n, T, p) by itself."""

WINDOWS = {"convolution": "dilation", "max_pool": "window", "average_pool": "window"}


def check_causal(program: Program, sequence: str = INPUT) -> None:
    """A ValueError that names the first layer through which a step of the sequence looks at later ones.

    Parameters
    ----------
    program : Program
        Of sequences of one length.
    sequence : str
        The value that goes on; by default the whole input.
    """
    shape = program.values[sequence]
    if len(shape) > 2:
        raise ValueError(f"stream: expected a network of sequences (n, T, p), found examples of shape {shape}")
    T = shape[0]
    every, rows = {sequence}, set[str]()  # what there is at every step, and what only after the last one
    for step in program.steps:
        if step.operation == "fill" or not (every | rows).intersection(step.inputs):
            continue
        if step.operation == "last_step" or not every.intersection(step.inputs):
            rows.add(step.output)
        elif step.operation in RECURRENCES:
            _check_direction(step)
            (every if step.attributes["every"] else rows).add(step.output)
        else:
            _check(program, step, every, T)
            every.add(step.output)


def _check_direction(step: Step) -> None:
    if step.attributes["reverse"]:
        raise ValueError(
            f"stream: {layer_of(step)!r} runs from the end to the start, and a stream has no end yet; leave "
            "bidirectional=True out"
        )


def _check(program: Program, step: Step, every: set[str], T: int) -> None:
    """A ValueError unless the output has at every step what hangs on no later one."""
    before, after = program.values[step.inputs[0]], program.values[step.output]
    if step.operation == "attention":
        if every.intersection(step.inputs[1:]) and not step.attributes["causal"]:
            raise ValueError(
                f"stream: {layer_of(step)!r} (attention) looks at several steps at once, at later ones too, and they "
                "are not there yet; set causal=True"
            )
    elif step.operation in WINDOWS:
        taps = program.parameters[step.parameters[0]][0] if step.parameters else step.attributes["window"][0]
        reach = (taps - 1) * (step.attributes["dilation"][0] if step.parameters else 1)
        if step.attributes["padding"] != ((reach, 0),) or step.attributes["stride"] != (1,):
            raise ValueError(
                f"stream: {layer_of(step)!r} ({step.operation}) looks at several steps at once, at later ones too, and "
                f"they are not there yet; set padding=(({reach}, 0),) and stride=1"
            )
    elif step.operation in ("reshape", "slice"):
        if not (step.output == OUTPUT or before == after or (after[0], before[0]) == (T, T)):
            raise ValueError(f"stream: {layer_of(step)!r} mixes the steps of a sequence, so it cannot take one more")
    elif step.operation not in (BY_STEP if len(before) == 2 or _is_one_for_all(step) else BY_NUMBER):
        raise ValueError(
            f"stream: {layer_of(step)!r} ({step.operation}) looks at several steps at once; a stream goes on step by "
            "step, through recurrences, causal attention, causal convolutions and layers of one step"
        )


def _is_one_for_all(step: Step) -> bool:
    """Whether it brings all steps of numbers (n, T) to another scale alike."""
    return step.operation == "rescale" and all(len(set(step.attributes[name])) == 1 for name in ("shift", "scale"))


def layer_of(step: Step) -> str:
    """The name of the layer that a step is of."""
    return step.output.rpartition(".")[0]
