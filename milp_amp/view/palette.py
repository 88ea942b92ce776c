"""The colour of every kind of thing in a figure, on light ground and on dark."""

COLOURS = {
    "forward": ("#4477aa", "#6699cc"),
    "backward": ("#cc7733", "#dd9955"),
    "transfer": ("#8a8a8a", "#9a9a9a"),
    "synchronisation": ("#228866", "#44aa88"),
    "busy": ("#4477aa", "#6699cc"),
    "memory": ("#4477aa", "#6699cc"),
    "over": ("#bb2233", "#ee6677"),
    "limit": ("#222222", "#eeeeee"),
    "incumbent": ("#4477aa", "#77aadd"),
    "bound": ("#228866", "#55bb99"),
    "link": ("#9a9a9a", "#7a7a7a"),
    "flow": ("#cc7733", "#dd9955"),
    "cut": ("#bb2233", "#ee6677"),
    "host": ("#4477aa", "#6699cc"),
    "switch": ("#777777", "#aaaaaa"),
    "coordinator": ("#777777", "#aaaaaa"),
    "type0": ("#4477aa", "#6699cc"),
    "type1": ("#cc7733", "#dd9955"),
    "type2": ("#228866", "#44aa88"),
    "type3": ("#aa3377", "#cc6699"),
    "type4": ("#998822", "#bbaa44"),
    "type5": ("#6655aa", "#9988dd"),
}
"""Blue and orange, green and purple: to be told apart by those who see no red."""

TYPES = tuple(kind for kind in COLOURS if kind.startswith("type"))
"""Kinds for device types, in turn."""


def of_type(number: int) -> str:
    """Return the kind of a device type by its place in the cluster."""
    return TYPES[number % len(TYPES)]
