"""Files of trials say what was run; what they cannot mean is one line that names the line."""

from pathlib import Path

import pytest

from milp_amp.bench.placing import strategy_of
from milp_amp.bench.trials import Gpt, Trial, read_trials
from milp_amp.errors import InputError
from milp_amp.problem.files import read

LIBRARY = Path(__file__).parents[2] / "instances"
HEAD = "tensor_parallel,data_parallel,pipeline_parallel,microbatch_size,partition_boundaries,measured_s"
ROWS = {
    "amp/trials/homogeneous.csv": 52,
    "amp/trials/heterogeneous-cluster.csv": 53,
    "sailor/trials/gh200-128.csv": 15,
    "sailor/trials/rtx-mixed-48.csv": 8,
    "vtrain/trials/single-node.csv": 576,
    "vtrain/trials/multi-node.csv": 43,
}


def from_lines(folder, *lines):
    file = folder / "trials.csv"
    file.write_text("".join(f"{line}\n" for line in lines))
    return read_trials(file)


def refusal(folder, *lines):
    with pytest.raises(InputError) as caught:
        from_lines(folder, *lines)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{folder / 'trials.csv'}: ")


def test_what_every_file_has_and_nothing_else(tmp_path):
    (found,) = from_lines(tmp_path, HEAD, "2,3,2,4,0 5 9,1.5")
    assert found == Trial(
        tensor_parallel=2,
        data_parallel=3,
        pipeline_parallel=2,
        microbatch_size=4,
        boundaries=(0, 5, 9),
        measured=1.5,
    )


def test_a_trial_without_seconds_did_not_run(tmp_path):
    ran, failed = from_lines(tmp_path, HEAD, "1,1,1,1,0 9,0.5", "1,1,1,2,0 9,")
    assert (ran.measured, failed.measured) == (0.5, None)


def test_other_columns_and_their_order_do_not_matter(tmp_path):
    head = "note,measured_s,partition_boundaries,microbatch_size,pipeline_parallel,data_parallel,tensor_parallel"
    assert from_lines(tmp_path, head, "slow,1.5,0 9,4,1,3,2") == from_lines(tmp_path, HEAD, "2,3,1,4,0 9,1.5")


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    assert len(from_lines(tmp_path, "\ufeff" + HEAD, "1,1,1,1,0 9,")) == 1


def test_memory_is_in_gigabytes_and_may_be_missing(tmp_path):
    known, unknown = from_lines(tmp_path, f"{HEAD},measured_memory_GB", "1,1,1,1,0 9,1,9.5", "1,1,1,1,0 9,1,")
    assert (known.memory, unknown.memory) == (9.5e9, None)


def test_a_batch_of_its_own_may_be_missing(tmp_path):
    own, usual = from_lines(tmp_path, f"{HEAD},global_batch_size", "1,1,1,1,0 9,1,256", "1,1,1,1,0 9,1,")
    assert (own.global_batch_size, usual.global_batch_size) == (256, None)


def test_types_of_the_replicas_come_stage_by_stage(tmp_path):
    head = f"{HEAD},replica_types"
    mixed, ranked = from_lines(tmp_path, head, "1,2,3,1,0 2 5 9,1,A B | A A|B B", "1,1,1,1,0 9,1,")
    assert mixed.replica_types == (("A", "B"), ("A", "A"), ("B", "B"))
    assert ranked.replica_types is None


def test_a_model_of_its_own_is_a_gpt_of_four_sizes(tmp_path):
    (found,) = from_lines(
        tmp_path, f"{HEAD},sequence_length,layers,heads,hidden_size", "1,1,1,1,0 14,1,2048,12,16,1024"
    )
    assert found.model == Gpt(hidden_size=1024, heads=16, layers=12, sequence_length=2048)


@pytest.mark.parametrize("missing", ["hidden_size", "heads", "layers", "sequence_length"])
def test_three_of_the_four_sizes_are_no_model(missing, tmp_path):
    sizes = [name for name in ("hidden_size", "heads", "layers", "sequence_length") if name != missing]
    complaint = refusal(tmp_path, ",".join([HEAD, *sizes]), "1,1,1,1,0 14,1,8,8,8")
    expected = "expected all of hidden_size, heads, layers, sequence_length or none"
    assert complaint == f"column {missing!r} is missing, {expected}"


@pytest.mark.parametrize("missing", HEAD.split(","))
def test_every_file_has_six_columns(missing, tmp_path):
    columns = ",".join(column for column in HEAD.split(",") if column != missing)
    complaint = refusal(tmp_path, columns, "1,1,1,1,1")
    assert complaint == f"column {missing!r} is missing, expected {', '.join(HEAD.split(','))}"


@pytest.mark.parametrize("value", ["0", "-1", "1.0", "two", "", "1000000001"])
@pytest.mark.parametrize("column", HEAD.split(",")[:4])
def test_degrees_and_microbatches_are_counts(column, value, tmp_path):
    cells = dict(zip(HEAD.split(","), ("1", "1", "1", "1", "0 9", "1"), strict=True))
    complaint = refusal(tmp_path, HEAD, "1,1,1,1,0 9,1", ",".join({**cells, column: value}.values()))
    assert complaint == f"line 3: {column} = {value!r}, expected an integer > 0"


@pytest.mark.parametrize("column", ["global_batch_size", "hidden_size", "heads", "layers", "sequence_length"])
def test_batches_and_sizes_are_counts(column, tmp_path):
    columns = ["global_batch_size", "hidden_size", "heads", "layers", "sequence_length"]
    line = ",".join(["1,1,1,1,0 9,1", *("1.5" if each == column else "8" for each in columns)])
    complaint = refusal(tmp_path, ",".join([HEAD, *columns]), line)
    assert complaint == f"line 2: {column} = '1.5', expected an integer > 0"


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "fast"])
@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("measured_s", "seconds > 0, or nothing if it did not run"),
        ("measured_memory_GB", "gigabytes > 0, or nothing"),
    ],
)
def test_what_is_measured_is_above_zero(column, expected, value, tmp_path):
    cells = {"measured_s": "1", "measured_memory_GB": "1", column: value}
    complaint = refusal(tmp_path, f"{HEAD},measured_memory_GB", f"1,1,1,1,0 9,{','.join(cells.values())}")
    assert complaint == f"line 2: {column} = {value!r}, expected {expected}"


@pytest.mark.parametrize(
    ("boundaries", "expected"),
    [
        ("0 9", "has 2 numbers, expected 3 (pipeline_parallel + 1)"),
        ("0 3 6 9", "has 4 numbers, expected 3 (pipeline_parallel + 1)"),
        ("", "has 0 numbers, expected 3 (pipeline_parallel + 1)"),
        ("0 4.5 9", "has '4.5', expected integers"),
        ("0 -4 9", "has '-4', expected integers"),
    ],
)
def test_two_stages_have_three_boundaries(boundaries, expected, tmp_path):
    assert refusal(tmp_path, HEAD, f"1,1,2,1,{boundaries},1") == f"line 2: partition_boundaries {expected}"


@pytest.mark.parametrize("types", ["A B", "A B | A", "A | B", "A B | A B | A B"])
def test_every_replica_of_every_stage_has_a_type(types, tmp_path):
    complaint = refusal(tmp_path, f"{HEAD},replica_types", f"1,2,2,1,0 4 9,1,{types}")
    assert complaint == f"line 2: replica_types = {types!r}, expected 2 stages of 2 device types, as in 'A B | A B'"


def test_a_line_that_breaks_off_lacks_a_value(tmp_path):
    assert refusal(tmp_path, HEAD, "1,1") == "line 2: pipeline_parallel = None, expected an integer > 0"


def test_a_head_alone_holds_no_trials(tmp_path):
    assert refusal(tmp_path, HEAD) == "no trials, expected at least one line below the head"


@pytest.mark.parametrize("content", [b"\xff\xfe", b'"tensor_parallel'])
def test_what_is_not_csv_in_utf_8_is_refused(content, tmp_path):
    file = tmp_path / "trials.csv"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"trials\.csv: not CSV in UTF-8: "):
        read_trials(file)


@pytest.mark.parametrize(("name", "rows"), ROWS.items())
def test_the_library_has_as_many_trials_as_were_published(name, rows):
    assert len(read_trials(LIBRARY / name)) == rows


def test_every_file_of_trials_is_counted_here():
    assert {str(file.relative_to(LIBRARY)) for file in LIBRARY.glob("*/trials/*.csv")} == set(ROWS)


@pytest.mark.parametrize("name", ["homogeneous", "heterogeneous-cluster"])
def test_amps_trials_use_all_16_devices_of_their_instances(name):
    world = read(LIBRARY / "amp" / f"gpt2-{name}.json")
    for trial in read_trials(LIBRARY / "amp" / "trials" / f"{name}.csv"):
        plan = strategy_of(world, trial)
        used = {device for stage in plan.stages for replica in stage.replicas for device in replica}
        assert len(used) == 16
        assert plan.stages[-1].stop == world.model.num_layers


def test_15_of_amps_105_trials_did_not_run():
    trials = [trial for name in list(ROWS)[:2] for trial in read_trials(LIBRARY / name)]
    assert [len(trials), sum(trial.measured is None for trial in trials)] == [105, 15]


def test_a_number_of_five_thousand_digits_is_refused_like_any_other(tmp_path):
    digits = "1" * 5000
    assert "line 2: partition_boundaries has" in refusal(tmp_path, HEAD, f"1,1,1,1,0 {digits},1.0")
    assert "line 2: microbatch_size =" in refusal(tmp_path, HEAD, f"1,1,1,{digits},0 9,1.0")
