"""The only factors between the units of files and ours: inside the package, seconds, bytes, bytes per second."""

GiB = float(2**30)
"""Bytes in a gibibyte: device memory."""

MB = 1e6
"""Bytes in a megabyte: activations."""

GBps = 1e9
"""Bytes per second in a gigabyte per second: bandwidth."""

millisecond = 1e-3
"""Seconds in a millisecond: profiles."""

microsecond = 1e-6
"""Seconds in a microsecond: latencies."""

nanosecond = 1e-9
"""Seconds in a nanosecond: updates of parameters."""

GB = 1e9
"""Bytes in a gigabyte: prices of transfers."""

hour = 3600.0
"""Seconds in an hour: prices of devices."""
