"""Numbers of things, as a sentence says them."""


def counted(number: int, one: str, many: str = "") -> str:
    """``1 use``, ``74 uses``; ``many`` where an s is not enough."""
    return f"{number} {one if number == 1 else many or one + 's'}"
