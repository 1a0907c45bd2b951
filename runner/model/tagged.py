"""Lines of several components in one stream: whose each is, without touching the line itself.

A workload that is one process per component has one output, the launcher's pipe. Each line is passed on whole with its
component's name in front, which the watcher takes off again: so a klog line is still a klog line to whoever parses it, the
order between components is the real one, and each component has a log of its own in the results. (A file per component,
followed by the watcher, was considered: gVisor and Linux have no common event for a growing file, so every line would be
seen a poll later, and the last words of a component could come after the news of its end.)
"""

import re

_TAGGED = re.compile(r"\[([a-z][a-z0-9-]{0,39})\] (.*)", re.DOTALL)


def tag(component: str, text: str) -> str:
    """The line as it goes into the common stream.

    Raises:
        ValueError: The name cannot be read back.
    """
    tagged = f"[{component}] {text}"
    if untag(tagged) != (component, text):
        raise ValueError(f"tag: {component!r} is no component's name; use small letters, digits and '-', at most 40")
    return tagged


def untag(line: str) -> tuple[str, str]:
    """Component and text of a line of the common stream; a line that nobody tagged has component ``""``."""
    match = _TAGGED.fullmatch(line)
    return (match[1], match[2]) if match else ("", line)
