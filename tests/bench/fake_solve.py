"""Stands in for ``milp-amp solve``: answers at once, or fails as the first argument says for its seed.

``fault=SEED,SEED…`` before the instance; ``pids=FILE`` notes every start, ``slow=SECONDS`` makes all of them take time.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path


def result(instance: str, formulation: str, seed: int) -> dict[str, object]:
    """One plan, a little better with every letter of the formulation's name, proved by all but the baseline."""
    value = 2.0 - len(formulation) / 100
    proved = formulation != "amp_dp"
    return {
        "instance": instance,
        "formulation": formulation,
        "status": "optimal" if proved else "feasible",
        "objective": value,
        "bound": value if proved else None,
        "gap": 0.0 if proved else None,
        "runtime_s": 0.25 + seed / 100,
        "verified": True,
        "trace": [{"time_s": 0.125, "objective": 2 * value, "bound": None}],
        "seed": seed,
    }


def main() -> int:
    arguments = sys.argv[1:]
    wishes = dict(word.split("=", 1) for word in arguments if "=" in word)
    instance, *rest = (word for word in arguments if "=" not in word)
    options = dict(zip(rest[::2], rest[1::2], strict=True))
    seed = int(options["--seed"])
    if "pids" in wishes:
        with open(wishes["pids"], "a") as stream:
            stream.write(f"{os.getpid()} {instance} {options['--formulation']} {seed}\n")
    time.sleep(float(wishes.get("slow", 0)))
    fault = next((name for name, seeds in wishes.items() if str(seed) in seeds.split(",") and name in FAULTS), None)
    try:
        json.loads(Path(instance).read_bytes())
    except ValueError:
        return failed(20, f"{instance}: JSON is malformed")
    if fault is not None:
        return FAULTS[fault](options)
    document = result(instance, options["--formulation"], seed)
    with open(options["--output"], "w") as stream:
        json.dump(document, stream)
    return 0 if document["status"] == "optimal" else 10


def failed(code: int, message: str) -> int:
    sys.stderr.write(f"milp-amp: error: {message}\n")
    return code


def killed(_: object) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def hungry(_: object) -> int:
    held = []
    while True:
        held.append(b"x" * 2**24)
        time.sleep(0.005)


def endless(_: object) -> int:
    while True:
        time.sleep(1)


def full(options: dict[str, str]) -> int:
    """Write to the device on which there is never any room."""
    try:
        with open("/dev/full", "w") as stream:
            stream.write("x")
    except OSError as failure:
        return failed(20, f"{options['--output']}: {failure.strerror}, expected a writable place")
    return 0


def dead(_: object) -> int:
    raise RuntimeError("the solver is beside itself")


def silent(_: object) -> int:
    return 0


def lying(_: object) -> int:
    return failed(31, "a claim failed its check: claimed 0.216 s, recomputed 0.360 s")


FAULTS = {
    "killed": killed,
    "hungry": hungry,
    "endless": endless,
    "full": full,
    "dead": dead,
    "silent": silent,
    "lying": lying,
}

if __name__ == "__main__":
    sys.exit(main())
