"""Log lines made plain for HTML without scripts: no escape sequence, no control character. Pure.

static/js/ansi.js knows the same sequences and shows their colours.
"""

import re

_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC: titles, links, the clipboard
    r"|\x1b[PX^_].*?(?:\x1b\\|$)"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]?",
    re.DOTALL,
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """`text` as a terminal would leave it: of a progress bar drawn over itself, the last state."""
    states = [state for state in _SEQUENCES.sub("", text).split("\r") if state]
    return _CONTROLS.sub("", states[-1] if states else "")
