"""What libyaml says of a syntax mistake, in words that a person can act on."""

from __future__ import annotations

__all__ = ["advice"]

_ADVICE: tuple[tuple[str, str, str], ...] = (
    (
        "mapping values are not allowed",
        "A `: ` is not possible here.",
        "Quote the text before it, or mend the indentation.",
    ),
    ("mapping keys are not allowed", "A `? ` begins a key, and none is possible here.", "Quote the text."),
    ("tab character", "A tab cannot indent.", "Indent with spaces."),
    ("cannot start any token", "The character {char} cannot begin a value.", "Quote the text; indent with spaces."),
    ("could not find expected ':'", "A `key: value` is expected; the colon is missing.", "Write `key: value`."),
    (
        "expected ',' or '}'",
        "A `{{…}}`{opened} is not closed, or a comma is missing.",
        "Quote texts that hold a comma, a bracket or a brace.",
    ),
    (
        "expected ',' or ']'",
        "A `[…]`{opened} is not closed, or a comma is missing.",
        "Quote texts that hold a comma, a bracket or a brace.",
    ),
    ("did not find expected key", "The indentation does not fit the lines above.", "Align the keys of one map."),
    ("did not find expected '-'", "The indentation does not fit the list above.", "Align the dashes of one list."),
    (
        "block sequence entries are not allowed",
        "A list item is not possible here.",
        "Put `- ` on a line of its own, indented.",
    ),
    ("unexpected end of stream", "A quoted text is not closed.", "Add the closing quote."),
    ("unknown escape character", "The escape is unknown.", "Use single quotes, or double the backslash."),
    ("hexdecimal number", "The escape needs hexadecimal digits.", "Use single quotes, or double the backslash."),
    (
        "invalid Unicode character escape",
        "The escape stands for no character.",
        "Half of a surrogate pair is none: write the character itself, or its whole number as `\\U0001F600`.",
    ),
    ("undefined tag handle", "A `!` begins a tag.", "Tags are left out: quote the text."),
    (
        "alphabetic or numeric character",
        "A `*` or `&` begins an alias or anchor.",
        "Both are left out: quote the text.",
    ),
    (
        "expected node content",
        "A value is missing here, or a character needs quotes.",
        "Write a value, or quote the text.",
    ),
    (
        "expected <document start>",
        "The text goes on after the document ended.",
        "Mend the indentation, or quote the text.",
    ),
    (
        "chomping or indentation indicators",
        "`|` or `>` begins a block of text.",
        "Quote the text, or put it on the next lines.",
    ),
    ("while scanning a simple key", "A `key: value` is expected.", "Write `key: value`."),
)


def advice(problem: str, char: str, opened: str = "") -> tuple[str, str]:
    """What happened and what to do, for libyaml's `problem` at the character `char`.

    `opened` is where the structure begins that is not closed, as `7:15`.
    """
    if not char.strip() and "cannot start any token" in problem:
        return "A tab cannot indent.", "Indent with spaces."
    shown = f"`{char}`"
    for part, what, remedy in _ADVICE:
        if part in problem:
            return what.format(char=shown, opened=f" that opens at {opened}" if opened else ""), remedy
    return f"This is not YAML: {problem or 'the text ends too early'}.", "Mend the indentation or the quotes."
