"""``milp-amp import``: an instance that can be solved, or one line that says why not, and nothing written."""

import json

import pytest

from milp_amp.cli import main
from milp_amp.problem.files import read
from tests.cli.worlds import documents, milp_amp
from tests.exchange.incoming import samples
from tests.exchange.incoming.malformed import CASES, SAMPLES


def written(place, content):
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        content = content.encode()
    place.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return place


@pytest.fixture
def folder(tmp_path):
    for place, content in SAMPLES.items():
        written(tmp_path / "in" / place, content)
    (tmp_path / "out").mkdir()
    return tmp_path


def arguments(folder, command, content):
    """Return the words of a command about a malformed file, which is written first."""
    bad = written(folder / "in" / "malformed", content)
    words = command.format(bad).split()
    return ["import", *(word.replace("@", f"{folder / 'in'}/") for word in words), "-o", str(folder / "out" / "x.json")]


def assert_refused(code, out, err, names, folder):
    assert code == 20, err
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith("milp-amp: error: ")
    assert names in err
    assert list((folder / "out").iterdir()) == []


@pytest.mark.parametrize("case", CASES)
def test_a_malformed_file_is_one_line_and_nothing_is_written(case, folder, capsys):
    command, content, names = CASES[case]
    code = main(arguments(folder, command, content))
    captured = capsys.readouterr()
    assert_refused(code, captured.out, captured.err, names, folder)


@pytest.mark.parametrize("case", ["config-deep", "topology-unequal", "hosts-binary", "piper-branch"])
def test_a_process_refuses_a_malformed_file_as_the_function_does(case, folder):
    command, content, names = CASES[case]
    finished = milp_amp(*arguments(folder, command, content))
    assert_refused(finished.returncode, finished.stdout, finished.stderr, names, folder)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", "KIND"),
        ("onnx x", "'onnx'"),
        ("huggingface @config.json", "--devices TYPE"),
        ("huggingface @config.json --devices T4", "number of devices"),
        ("huggingface @config.json --devices 2xT4 --batch 0", "--batch"),
        ("huggingface @config.json --devices 2xT4 --inside fast", "--inside"),
        ("huggingface @config.json --devices 2xT4,2xL4 --topology @topo.txt", "TYPE=FILE"),
        ("huggingface @config.json --devices 2xT4 --topology L4=@topo.txt", "'L4'"),
        ("huggingface @config.json --devices 4xA100-80 --topology @topo.txt", "2 GPUs, expected the 4"),
        ("huggingface @missing.json --devices 2xT4", "missing.json"),
        ("huggingface @config.json --devices 2xT4 --node-names @names", "--node-names"),
        ("metis @config.json --clusterfile @a --hostfile @b --batch 1", "--sequence"),
        (
            "metis @out --clusterfile @a --hostfile @b --batch 1 --sequence 1 --hidden-size 1 --parameter-bytes 2",
            "folder",
        ),
        ("sailor --profile x --sizes x --intra x --devices a:1x1xT4 --batch 1 --sequence 1", "TYPE=FILE"),
        ("sailor --profile T4=x --sizes x --intra x --devices 1x1xT4 --batch 1 --sequence 1", "ZONE:NxMxTYPE"),
        ("sailor --profile T4=x --sizes x --intra x --devices a:1x1xX --batch 1 --sequence 1", "--memory X=GIB"),
        ("piper @config.json --batch 1", "--parameter-bytes"),
    ],
)
def test_what_no_file_says_is_asked_for(words, names, folder, capsys):
    place = f"{folder / 'in'}/"
    code = main(["import", *words.replace("@", place).split(), "-o", str(folder / "out" / "x.json")])
    captured = capsys.readouterr()
    assert_refused(code, captured.out, captured.err, names, folder)


def test_a_bare_configuration_and_a_matrix_of_links_become_an_instance_that_is_solved(folder):
    file, place = folder / "out" / "x.json", folder / "in"
    finished = milp_amp(
        "import",
        "huggingface",
        place / "config.json",
        "--devices",
        "A100-80",
        "--topology",
        place / "topo.txt",
        "-o",
        file,
    )
    assert finished.returncode == 0, finished.stderr
    assert (finished.stdout, len(finished.stderr.splitlines())) == ("", 1)
    solved = milp_amp("solve", file, "--format", "json")
    assert solved.returncode == 0, solved.stderr
    assert documents(solved.stdout)[0]["status"] == "optimal"


def test_an_instance_says_what_it_was_imported_from_but_not_where_that_was(folder):
    file, place = folder / "out" / "x.json", folder / "in"
    words = ["--devices", "A100-80", "--topology", f"A100-80={place}/topo.txt", "--hosts", str(place / "hosts")]
    assert (
        main(["import", "huggingface", str(place / "config.json"), *words, "--inside", "slowest", "-o", str(file)]) == 0
    )
    source = read(file).source
    assert (
        "milp-amp import huggingface config.json --devices A100-80 --hosts hosts --topology A100-80=topo.txt" in source
    )
    assert "topo.txt (sha256 b04054baa649): NV12 between 2 A100-80: 300 GB/s" in source
    assert "--inside slowest" in source
    assert str(folder) not in source


def test_the_hosts_of_nodes_are_written_beside_the_instance(folder):
    file, names = folder / "out" / "x.json", folder / "out" / "names"
    hosts = written(folder / "in" / "many", "gpu-1.cluster slots=2\ngpu-2.cluster slots=2\n")
    words = ["--devices", "T4", "--hosts", str(hosts), "--node-names", str(names)]
    command = ["import", "huggingface", str(folder / "in" / "config.json"), *words, "-o", str(file)]
    assert main(command) == 0
    assert names.read_text() == "gpu-1-cluster.0 gpu-1.cluster\ngpu-2-cluster.0 gpu-2.cluster\n"
    assert [group.name for group in read(file).cluster.nodes] == ["gpu-1-cluster", "gpu-2-cluster"]
    assert "gpu-1-cluster is gpu-1.cluster" in read(file).source
    assert main([*command, "--group-hosts"]) == 0
    assert names.read_text() == "2xT4.0 gpu-1.cluster\n2xT4.1 gpu-2.cluster\n"
    assert [(group.name, group.count) for group in read(file).cluster.nodes] == [("2xT4", 2)]


@pytest.mark.parametrize(
    ("output", "names"),
    [("in/config.json", "out/names"), ("out/x.json", "in/hosts"), ("out/x.json", "out/../out/x.json")],
)
def test_nothing_is_written_over_what_is_read_nor_two_files_into_one(output, names, folder, capsys):
    before = {place: place.read_bytes() for place in (folder / "in").rglob("*") if place.is_file()}
    words = ["--devices", "A100-80", "--hosts", f"{folder}/in/hosts", "--node-names", f"{folder}/{names}"]
    code = main(["import", "huggingface", f"{folder}/in/config.json", *words, "-o", f"{folder}/{output}"])
    captured = capsys.readouterr()
    assert_refused(code, captured.out, captured.err, "is another file of this import", folder)
    assert {place: place.read_bytes() for place in before} == before


def test_the_mark_of_utf_8_at_the_beginning_of_a_file_is_nothing(folder):
    marked = written(folder / "in" / "marked.json", b"\xef\xbb\xbf" + (folder / "in" / "config.json").read_bytes())
    file = folder / "out" / "x.json"
    assert main(["import", "huggingface", str(marked), "--devices", "2xT4", "-o", str(file)]) == 0
    assert read(file).cluster.num_devices == 2


@pytest.mark.parametrize("kind", ["metis", "sailor", "galvatron", "piper"])
def test_every_kind_is_imported_by_one_command_and_solved_by_the_next(kind, folder):
    place, file = folder / "in", folder / "out" / "x.json"
    written(place / "graph.json", samples.PIPER)
    step = "--batch 8 --sequence 1024"
    metis = f"metis @profiles --clusterfile @clusterfile.json --hostfile @hostfile {step} --hidden-size 64"
    sailor = "sailor --profile A100-40=@profile.json --sizes @sizes.json --intra @intra.json --inter @inter.json"
    words = {
        "metis": f"{metis} --parameter-bytes 4",
        "sailor": f"{sailor} --devices zone-a:2x2xA100-40,zone-b:1x2xA100-40 {step}",
        "galvatron": "galvatron @computation.json --allreduce @allreduce.json --p2p @p2p.json --config @config.json "
        f"--devices 2x2xA100-80 {step}",
        "piper": "piper @graph.json --batch 8 --parameter-bytes 4 --variant vanilla --devices-per-node 2",
    }[kind]
    assert main(["import", *words.replace("@", f"{place}/").split(), "-o", str(file)]) == 0
    assert read(file).source.startswith("Imported from ")
    assert main(["solve", str(file)]) == 0
