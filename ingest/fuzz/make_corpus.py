#!/usr/bin/env python3
"""Writes the seed corpus of the target `decoder`: the shortest recorded messages of each shape.

    make_corpus.py RECORDINGS corpus/decoder

A shape is a recording, the message's members in their order, and whether its sides have levels. Each input is three bytes
(scales of price and quantity, decimals of the number before) and the message, once combined and once raw.
"""

import gzip
import hashlib
import json
import pathlib
import sys

SHORTEST = 2


def messages(folder: pathlib.Path):
    for path in sorted(folder.iterdir()):
        if path.suffix == ".gz":
            lines = gzip.open(path, "rt")
        elif path.name == "ws.txt":
            lines = path.open()
        else:
            continue
        with lines:
            for line in lines:
                start = line.find('{"stream"')
                if start >= 0:
                    yield line[start:].rstrip("\n")


def shape(folder: pathlib.Path, message: dict) -> tuple:
    members = message["data"].items()
    return (folder.name, *((name, value == []) for name, value in members))


def decimals(texts: list[str]) -> int:
    return max((len(text.partition(".")[2].rstrip("0")) for text in texts), default=0)


def scales(data: dict) -> tuple[int, int]:
    levels = [level for side in "ba" if isinstance(data.get(side), list) for level in data[side]]
    prices = [data[name] for name in "pba" if isinstance(data.get(name), str)]
    quantities = [data[name] for name in "qBA" if isinstance(data.get(name), str)]
    return (
        decimals(prices + [price for price, _ in levels]),
        decimals(quantities + [quantity for _, quantity in levels]),
    )


def main(recordings: str, corpus: str) -> None:
    shortest: dict[tuple, list[str]] = {}
    for folder in sorted(pathlib.Path(recordings).iterdir()):
        if not folder.is_dir():
            continue
        for text in messages(folder):
            message = json.loads(text)
            if "k" in message["data"] or "lastUpdateId" in message["data"]:
                continue
            found = shortest.setdefault(shape(folder, message), [])
            found.append(text)
            found.sort(key=len)
            del found[SHORTEST:]
    out = pathlib.Path(corpus)
    out.mkdir(parents=True, exist_ok=True)
    for text in (text for texts in shortest.values() for text in texts):
        data = text[text.index('"data":') + len('"data":') : -1]
        for payload in (text, data):
            seed = bytes([*scales(json.loads(data)), 8]) + payload.encode()
            (out / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


if __name__ == "__main__":
    main(*sys.argv[1:])
