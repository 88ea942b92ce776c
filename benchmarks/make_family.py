"""Write the generated instances of ``instances/synthetic``, and print their table for ``instances/README.md``.

Run from the root of the repository. Every file's ``source`` is the command that writes it.
"""

from itertools import pairwise
from pathlib import Path

from milp_amp.cli import main

FOLDER = Path("instances/synthetic")

FAMILY = {
    "one-type-16": ("fat-tree --devices 16 --layers 12", "the smallest: two nodes, equal blocks"),
    "one-type-64-uneven": ("fat-tree --devices 64 --layers 24 --uneven --seed 1", "partitions of uneven blocks alone"),
    "one-type-256": ("fat-tree --devices 256 --layers 48 --batch 512", "degrees alone: nothing is mixed"),
    "one-type-1024": ("fat-tree --devices 1024 --layers 96 --batch 1024", "as published plans for A100 clusters"),
    "one-type-4096-uneven": (
        "fat-tree --devices 4096 --layers 128 --uneven --batch 2048 --seed 2",
        "a long path on one type, uneven",
    ),
    "tree-nonblocking-128": (
        "fat-tree --devices 128 --layers 48 --groups 8 --oversubscription 1",
        "eight pods that are one class of nodes",
    ),
    "tree-oversubscribed-128": (
        "fat-tree --devices 128 --layers 48 --groups 8 --oversubscription 8",
        "the same with eight classes: where a stage sits matters",
    ),
    "tree-two-types-64": (
        "fat-tree --devices 64 --layers 24 --types 2 --groups 4 --oversubscription 4",
        "two types in two pods each",
    ),
    "tree-two-types-512": (
        "fat-tree --devices 512 --layers 64 --types 2 --groups 4 --batch 512 --uneven --seed 3",
        "the same, larger and uneven",
    ),
    "two-types-16": ("islands --devices 16 --layers 12 --types 2", "one node of each type"),
    "two-types-32-uneven": ("islands --devices 32 --layers 24 --types 2 --uneven --seed 4", "two nodes of each type"),
    "two-types-128": ("islands --devices 128 --layers 48 --types 2", "stages for the fast and the slow half"),
    "two-types-256-uneven": (
        "islands --devices 256 --layers 64 --types 2 --uneven --batch 512 --seed 5",
        "uneven blocks on unequal halves",
    ),
    "three-types-48": (
        "islands --devices 48 --layers 24 --types 3 --hidden 8192",
        "small T4s beside A100s: memory binds at the optimum",
    ),
    "three-types-96-uneven": (
        "islands --devices 96 --layers 36 --types 3 --uneven --seed 6",
        "the same, uneven, four nodes of each",
    ),
    "three-types-384": (
        "islands --devices 384 --layers 98 --types 3",
        "as `layers-98-devices-384`, with tensor degrees 1 to 8",
    ),
    "three-types-1024": ("islands --devices 1024 --layers 98 --types 3 --batch 1024", "scale: 98 layers"),
    "three-types-4096": ("islands --devices 4096 --layers 192 --types 3 --batch 2048", "scale: 192 layers"),
    "three-types-16384": ("islands --devices 16384 --layers 512 --types 3 --batch 4096", "scale: the largest"),
    "four-types-64": ("islands --devices 64 --layers 24 --types 4", "two nodes of each of four types"),
    "five-types-80-uneven": (
        "islands --devices 80 --layers 24 --types 5 --uneven --seed 7",
        "two nodes of each of five types",
    ),
    "five-types-640": ("islands --devices 640 --layers 80 --types 5 --batch 640", "five classes of sixteen nodes"),
    "tight-memory-64": (
        "islands --devices 64 --layers 48 --types 2 --hidden 12288",
        "85 billion parameters: memory binds at the optimum",
    ),
    "tight-memory-64-recomputed": (
        "islands --devices 64 --layers 48 --types 2 --hidden 16384 --optimizer distributed --recomputation full",
        "150 billion parameters, divided state, full recomputation: without them no plan of the searched space fits",
    ),
    "matrix-ethernet-16": ("matrix --devices 16 --layers 12 --uneven --seed 8", "four nodes, none like another"),
    "matrix-infiniband-32": (
        "matrix --devices 32 --layers 12 --uneven --network infiniband --seed 9",
        "eight nodes, fast links",
    ),
    "matrix-pcie-48": (
        "matrix --devices 48 --layers 24 --uneven --network pcie --seed 10",
        "twelve nodes, inside hardly faster than between",
    ),
    "matrix-wide-area-64": (
        "matrix --devices 64 --layers 24 --uneven --network wide-area --types 2 --seed 11",
        "sixteen nodes of two sizes of memory, slow links",
    ),
    "matrix-shared-nic-32": (
        "matrix --devices 32 --layers 24 --uneven --shared-nic --seed 12",
        "eight nodes whose network cards are shared by all transfers",
    ),
    "matrix-ethernet-256": (
        "matrix --devices 256 --layers 24 --uneven --types 5 --seed 13",
        "64 nodes: 2,016 links without structure",
    ),
}
"""Options of ``milp-amp generate`` by the instance's name, and why it is there."""


def row(name: str) -> str:
    """Return the table's row of an instance."""
    options, why = FAMILY[name]
    words = options.split()
    given = dict(pairwise(words))
    types = "own speeds" if words[0] == "matrix" else given.get("--types", "1")
    layers = given["--layers"] + (", uneven" if "--uneven" in words else "")
    return f"| `{name}` | {words[0]} | {given['--devices']} | {types} | {layers} | {why} |"


if __name__ == "__main__":
    for name, (options, _) in FAMILY.items():
        if code := main(["generate", *options.split(), "--output", str(FOLDER / f"{name}.json")]):
            raise SystemExit(code)
        print(row(name))
