"""Numbers as people read them."""


def short(number: float, unit: str = "") -> str:
    """Returns three digits, a power of 1,000 and the unit.

    Example:

    >>> short(3_410_000), short(12_345, "B"), short(999.9, "B")
    ('3.41 M', '12.3 kB', '1 kB')
    """
    for power in ("", "k", "M", "G"):
        if number < 999.5:
            return f"{number:.3g} {power}{unit}".rstrip()
        number /= 1000
    return f"{number:.3g} T{unit}"
