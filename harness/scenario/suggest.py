"""Did you mean: the nearest known names, in words that end a message."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["did_you_mean", "nearest", "slip_of"]

_SHOWN = 12  # more names than this are not worth reading in a message


def nearest(word: str, known: Iterable[str], *, count: int = 1) -> list[str]:
    """The `count` known names closest to `word`, best first; empty when none resembles it."""
    from difflib import get_close_matches

    names = sorted(set(known))
    folded = {name.casefold().replace("-", "_"): name for name in reversed(names)}
    same = folded.get(word.casefold().replace("-", "_"))
    if same is not None and same != word:
        return [same]
    return get_close_matches(word, names, n=count, cutoff=0.6)


def slip_of(word: str, known: Iterable[str]) -> str | None:
    """The known name that `word` is with one slip of the finger: a letter more, less, changed, or two swapped."""
    from difflib import SequenceMatcher

    for name in known:
        longer, shorter = sorted((word, name), key=len, reverse=True)
        swapped = sorted(word) == sorted(name)
        close = len(longer) - len(shorter) <= 1 and SequenceMatcher(None, word, name).ratio() >= 0.8
        if word != name and (swapped or close) and not longer.startswith(shorter):
            return name
    return None


def did_you_mean(word: str, known: Iterable[str], *, noun: str = "known names") -> str:
    """A remedy for an unknown `word`: the nearest name, else the names there are (if few enough to read)."""
    names = sorted(set(known))
    close = nearest(word, names)
    if close:
        return f"Did you mean {close[0]}?"
    if not names:
        return f"There are no {noun} here."
    if len(names) <= _SHOWN:
        return f"One of: {', '.join(names)}."
    return f"{noun.capitalize()}: {', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more."
