"""``milp-amp pareto`` as scripts see it."""

import json
import signal
import subprocess
import time

import pytest

from tests.cli.worlds import LIBRARY, TINY, command, milp_amp

SINGLE = LIBRARY / "helix" / "single-70b-24.json"
REQUESTS = "prompt_tokens,output_tokens\n40,12\n100,8\n60,16\n"


def world():
    """A fast machine and a slow one; each holds both layers."""
    performance = {
        name: {
            "tokens_per_s": [2 * most, most],
            "prompt_ms": [[0, 0.0], [1000, 1e4 / most]],
            "decode_ms": [[0, 0.0], [2, 5e3 / most], [40, 5e3 / most], [480, 6e4 / most]],
            "kv_token_layers": [4000.0, 4000.0],
        }
        for name, most in (("fast", 500.0), ("slow", 125.0))
    }
    machine = {"count": 1, "device": "chip", "devices": 1, "bandwidth_GBps": 1000.0}
    return {
        "schema_version": 1,
        "question": "serving",
        "name": "two machines",
        "source": "made up for a test",
        "model": {"name": "m", "num_layers": 2, "activation_bytes": 1e6, "token_bytes": 1000.0},
        "cluster": {
            "device_types": {"chip": {"memory_GiB": 16}},
            "nodes": [{"name": name, **machine} for name in performance],
            "switches": ["switch"],
            "links": [{"source": name, "target": "switch", "bandwidth_GBps": 1000.0} for name in performance],
            "contention": "slowest_pair",
        },
        "performance": performance,
        "coordinator_GBps": 1000.0,
        "requests": {"mean_prompt_tokens": 67, "mean_output_tokens": 12},
    }


@pytest.fixture
def files(tmp_path):
    """Return an instance and requests."""
    instance, requests = tmp_path / "instance.json", tmp_path / "requests.csv"
    instance.write_text(json.dumps(world()))
    requests.write_text(REQUESTS)
    return instance, requests


def test_a_front_is_a_table_a_file_and_a_picture(files, tmp_path):
    instance, requests = files
    written, picture = tmp_path / "front.json", tmp_path / "front.svg"
    finished = milp_amp(
        "pareto", instance, "--requests", requests, "--points", 1, "--output", written, "--plot", picture
    )
    assert finished.returncode == 10, finished.stderr
    front = json.loads(written.read_bytes())
    assert front["points"][0]["placement"]["layers"] == {"fast.0": [0, 2], "slow.0": [0, 2]}
    assert front["largest_flow"]["served"]["flow_tokens_per_s"] == pytest.approx(625)
    rows = finished.stdout.splitlines()
    assert rows[0].startswith("two machines: ")
    assert rows[-1].startswith("largest flow")
    assert picture.read_text().startswith("<?xml")
    assert all("tokens/s, a token" in line for line in finished.stderr.splitlines())


def test_the_front_is_json_on_request_and_its_placements_can_be_judged(files, tmp_path):
    instance, requests = files
    finished = milp_amp(
        "pareto", instance, "--requests", requests, "--points", 1, "--time-limit", 1, "--format", "json"
    )
    front = json.loads(finished.stdout)
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps(front["points"][0]["placement"]))
    assert milp_amp("evaluate", instance, plan).returncode == 0


def test_ctrl_c_keeps_what_there_is(files):
    instance, requests = files
    arguments = ("pareto", instance, "--requests", requests, "--points", 100, "--format", "json")
    with subprocess.Popen(command(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "tokens/s" in process.stderr.readline()  # something is known
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        shown, _ = process.communicate(timeout=60)
    front = json.loads(shown)
    assert process.returncode == 10
    assert front["points"]
    assert len(front["limits"]) < 100
    assert front["notes"][0].startswith("interrupted")
    assert time.monotonic() - began < 30


def test_a_front_of_training_is_a_table_a_file_and_a_picture(tmp_path):
    written, picture = tmp_path / "front.json", tmp_path / "front.svg"
    finished = milp_amp("pareto", TINY, "--against", "memory", "--output", written, "--plot", picture)
    assert finished.returncode == 0, finished.stderr
    front = json.loads(written.read_bytes())
    assert (front["status"], front["complete"], front["against"]) == ("optimal", True, "memory")
    times = [point["step_time"] for point in front["points"]]
    free = [point["headroom_GiB"] for point in front["points"]]
    assert times == sorted(times)
    assert free == sorted(free)
    best = json.loads(milp_amp("solve", TINY, "--format", "json").stdout)
    assert times[0] == pytest.approx(best["objective"])
    assert finished.stdout.startswith("tiny: optimal: no plan of the searched space beats one of these")
    assert finished.stdout.count("GiB     yes") == len(times)
    assert finished.stderr.count("GiB left free, optimal") == len(times)
    assert picture.read_text().startswith("<?xml")


def test_a_front_of_training_may_end_early_and_says_so():
    finished = milp_amp("pareto", TINY, "--against", "memory", "--points", 1, "--format", "json")
    front = json.loads(finished.stdout)
    assert (finished.returncode, front["status"], len(front["points"])) == (10, "feasible", 1)
    assert front["notes"] == ["beyond the last point nothing is known"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((SINGLE, "--points", 0), "points = 0, expected an integer from 1 to 100"),
        ((SINGLE, "--points", "two"), "--points: invalid int value: 'two'"),
        ((SINGLE, "--seed", -1), "seed = -1, expected an integer from 0"),
        ((SINGLE, "--requests", "none.csv"), "none.csv: No such file or directory"),
        ((SINGLE, "--plot", "front.txt"), "'front.txt', expected a name that ends in .svg, .png, .pdf"),
        ((SINGLE, "--output", "none/front.json"), "none/front.json: No such file or directory"),
        ((TINY,), "tiny.json: about training, expected --against price or --against memory"),
        ((TINY, "--against", "memory", "--requests", "r.csv"), "--requests is about serving, expected none"),
        ((TINY, "--against", "price"), "against price: nothing has one, expected a price_per_hour"),
        ((TINY, "--against", "memory", "--cost-model", "amp"), "cost model 'amp' does not limit it, expected another"),
        ((TINY, "--against", "memory", "--points", 0), "points = 0, expected an integer from 1 to 10000"),
        ((SINGLE, "--against", "memory"), "--against is about training, expected none"),
        (("none.json",), "none.json: No such file or directory"),
    ],
)
def test_bad_input_is_one_line(arguments, complaint):
    finished = milp_amp("pareto", *arguments)
    assert (finished.returncode, finished.stdout) == (20, "")
    assert complaint in finished.stderr
    assert finished.stderr.count("\n") == 1


def test_an_instance_without_requests_is_one_line(files):
    files[0].write_text(json.dumps({**world(), "requests": None}))
    finished = milp_amp("pareto", files[0], "--requests", files[1])
    assert (finished.returncode, finished.stdout) == (20, "")
    assert "requests are missing" in finished.stderr
