"""Log lines made plain for HTML without scripts: no escape sequence, no control character, none that
turns the direction of what follows it. Pure.

static/js/ansi.js knows the same and shows colours.
"""

import re

_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links, the clipboard
    r"|\x1b[PX^_].*?(?:\x1b\\|$)"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]?",
    re.DOTALL,
)
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """`text` as a terminal would leave it: of a progress bar drawn over itself, the last state."""
    states = [state for state in _SEQUENCES.sub("", text).split("\r") if state]
    return _CONTROLS.sub("", states[-1] if states else "")


def shown(text: str) -> str:
    """The same, with what would make it read as it does not run by its name: "<U+202E>"."""
    return _TURNS.sub(lambda sign: f"<U+{ord(sign[0]):X}>", plain(text))
