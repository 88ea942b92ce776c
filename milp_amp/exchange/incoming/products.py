"""What machines call their accelerators, and which of the catalogue that may be."""

import re

from milp_amp.roofline.catalogue import ACCELERATORS, Accelerator

_WORDS = re.compile(r"[a-z]+[0-9]+[a-z]*|[0-9]+gb|[0-9]+|[a-z]+")

_MARKS = {
    "V100-16": {"v100"},
    "V100-32": {"v100"},
    "T4": {"t4"},
    "A10G": {"a10g"},
    "L4": {"l4"},
    "A100-40": {"a100"},
    "A100-80": {"a100"},
    "H100": {"h100"},
    "H100-PCIe": {"h100"},
    "H200": {"h200"},
    "GH200": {"gh200"},
    "RTX-2080": {"rtx", "2080"},
    "RTX-2080Ti": {"rtx", "2080", "ti"},
    "RTX-3090": {"rtx", "3090"},
    "RTX-4090": {"rtx", "4090"},
    "Titan-RTX": {"titan", "rtx"},
    "MI250X": {"mi250x"},
    "MI300X": {"mi300x"},
}
"""Words that a product's name must have to be an accelerator of the catalogue."""

_BUILDS = {"pcie": {"H100-PCIe", "T4", "A10G", "L4"}, "nvl": set()}
"""Which accelerators a word about the card's build leaves: the catalogue has A100 and V100 as SXM alone."""

_SXM = {"V100-16", "V100-32", "A100-40", "A100-80", "H100", "H200"}
_WITHOUT_TI = {"RTX-2080", "RTX-3090"}


def candidates(product: str) -> tuple[Accelerator, ...]:
    """Return the accelerators of the catalogue that a product may be: one, several, or none."""
    exact = tuple(each for each in ACCELERATORS if each.name == product)
    if exact:
        return exact
    text = product.lower().replace("_", "-")
    words = set(_WORDS.findall(text)) | set(re.split(r"[^a-z0-9]+", text))
    return tuple(each for each in ACCELERATORS if _may_be(each, words))


def _may_be(accelerator: Accelerator, words: set[str]) -> bool:
    name = accelerator.name
    if "mig" in words:  # a part of a device
        return False
    if not _MARKS[name] <= words or (name in _WITHOUT_TI and "ti" in words):
        return False
    if any(word in words and name not in left for word, left in _BUILDS.items()):
        return False
    if any(word.startswith("sxm") for word in words) and name not in _SXM:
        return False
    if name == "H100-PCIe" and "hbm3" in words:  # the card has HBM2e
        return False
    sizes = {int(word[:-2]) for word in words if re.fullmatch(r"[0-9]{1,4}gb", word)}
    return not sizes or not name.startswith(("V100", "A100")) or int(accelerator.memory_GiB) in sizes
