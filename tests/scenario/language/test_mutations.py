"""Whatever is in the file, the loader tells positions or loads; it never crashes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import InputErrors, Problem
from harness.scenario.model import Suite

EXAMPLES = Path(__file__).with_name("examples.txt").read_bytes()
BROKEN = [
    path.read_bytes() for path in sorted((Path(__file__).parents[3] / "fixtures" / "broken-scenarios").glob("*.yaml"))
]
TOKENS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b": ",
    b"- ",
    b"<",
    b">",
    b"$",
    b"&a ",
    b"*a ",
    b"!x ",
    b"|",
    b"\n",
    b"\t",
    b'"',
    b"'",
]
TOKENS += [
    b"<<: ",
    b"? ",
    b"%",
    b"@",
    b"#",
    b"\x00",
    b"\xff",
    b"\xe2\x80\xa8",
    b"0123",
    b"null",
    b"<re (>",
    b"$x.y[9]",
    b"...",
]
TOKENS += [
    b"call: ",
    b"parallel: ",
    b"matrix: ",
    b"given: ",
    b"eventually: ",
    b"{literal: ",
    b"<not <not ",
    b"1e999",
    b"9" * 500,
]


def mutated(seed: int) -> bytes:
    """One to eight changes: bytes replaced, pieces removed, moved or doubled, tokens put in."""
    chance = random.Random(seed)
    data = bytearray(chance.choice([EXAMPLES, EXAMPLES, chance.choice(BROKEN)]))
    for _ in range(chance.randint(1, 8)):
        at, length = chance.randrange(len(data) + 1), chance.choice([1, 1, 2, 5, 20, 80])
        piece = bytes(data[at : at + length])
        match chance.randrange(6):
            case 0:
                data[at : at + length] = b""
            case 1:
                data[at:at] = piece
            case 2:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 3 | 4:
                data[at:at] = chance.choice(TOKENS)
            case _:
                other = chance.randrange(len(data) + 1)
                data[other:other] = piece
    return bytes(data)


def told(load: Callable[[bytes], Suite], data: bytes) -> None:
    problems: tuple[Problem, ...] | None = None
    try:
        tuple(load(data).cases)
    except InputErrors as errors:
        problems = errors.problems
    assert problems is None or (problems and all(problem.position and str(problem) for problem in problems))


@pytest.mark.parametrize("part", range(8))
def test_mutated_files_never_crash_the_loader(part: int, load: Callable[[bytes], Suite]) -> None:
    for seed in range(part * 150, (part + 1) * 150):
        told(load, mutated(seed))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_twenty_thousand_mutated_files_never_crash_the_loader(part: int, load: Callable[[bytes], Suite]) -> None:
    for seed in range(100_000 + part * 2500, 100_000 + (part + 1) * 2500):
        told(load, mutated(seed))
