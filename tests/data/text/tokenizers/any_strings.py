"""Strings such as nobody writes, to compare tokenizers on."""

import random
import sys


def strings(vocabulary, count):
    """Strings of pieces, of characters of all kinds, and of broken bytes."""
    choose = random.Random(count)
    every = [chr(c) for c in range(sys.maxunicode + 1) if c >> 11 != 27]
    pieces = [piece.removeprefix("##") for piece in vocabulary]
    ideographs = [chr(c) for c in range(0x3400, 0xA000)]
    low = every[:0x3000]
    kinds = [every, low, every[:0x250], ideographs, pieces, pieces]
    kinds += [[" ", "\t", "\r\n", "\u3000"], ["-", "。", "'", "[", "]"]]
    for number in range(count):
        mixed = choose.sample(kinds, choose.randint(1, 4))
        length = choose.choice((0, 1, 2, 3, 5, 8, 13, 30, 120))
        text = "".join(
            choose.choice(choose.choice(mixed)) for _ in range(length)
        )
        content = bytearray(text.encode())
        for _ in range(number % 3):
            if content:
                content[choose.randrange(len(content))] = choose.randrange(256)
        yield bytes(content)
