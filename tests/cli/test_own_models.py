"""Users' own networks: trained, pruned and run by name, never because a file names them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import torch

from pbias.files.checkpoint import load_checkpoint, save_checkpoint
from pbias.files.logits import read_logits
from pbias.files.manifest import read_manifest, select, train_counts
from pbias.models.network_files import network

Run = Callable[..., CompletedProcess[str]]
OWN = "own_net:make"
CODE = '''
import torch
from pathlib import Path
from torch import nn
Path("imported.txt").touch()

class Net(nn.Module):
    """The last layer stands before the others, and shares its name with none of pbias."""

    def __init__(self, num_outputs, width=4, norm="batch"):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(width) if norm == "batch" else nn.Identity()
        self.answers = nn.Linear(width, num_outputs)

    def forward(self, images):
        return self.answers(self.norm(self.stem(images)).relu().mean((2, 3)))

def make(num_outputs, width=4, norm="batch"):
    return Net(num_outputs, width, norm)

def failing(num_outputs):
    raise KeyError("no weights")

def number(num_outputs):
    return num_outputs
'''
TRAIN = (
    *("train", "photos/labels.csv", "--targets", "bright,red", "--groups", "male"),
    *("--epochs", "1", "--batch-size", "16", "-o", "dense.pt"),
)
NAMED = ("--model", OWN)


@pytest.fixture(autouse=True)
def own_code(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write `own_net.py` into the working directory."""
    (tmp_path / "own_net.py").write_text(CODE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "own_net", raising=False)
    return photos


def test_an_own_network_is_trained_pruned_run_and_counted(pbias: Run) -> None:
    assert pbias(*TRAIN, *NAMED, "--model-args", "width=6").returncode == 0
    assert load_checkpoint("dense.pt").model == {"name": OWN, "args": {"width": 6}}
    for options in (("--one-shot",), ("--epochs", "1")):
        prune = ("prune", "dense.pt", "--sparsity", "0.5", *options, *NAMED, "-o", "s50.pt")
        assert pbias(*prune).returncode == 0
        weights = load_checkpoint("s50.pt").state_dict
        zeros = sum(int((weights[f"{n}.weight"] == 0).sum()) for n in ("stem", "answers"))
        assert zeros == round(0.5 * (6 * 27 + 6 * 2))
    assert pbias("predict", "s50.pt", "photos/labels.csv", *NAMED, "-o", "s50.npz").returncode == 0
    assert read_logits("s50.npz").targets == ("bright", "red")
    counted = pbias("info", "s50.pt", *NAMED, "--expect-sparsity", "0.5", "-f", "json")
    assert counted.returncode == 0 and json.loads(counted.stdout)["arguments"] == {"width": 6}


@pytest.mark.parametrize(
    "command",
    [
        ("predict", "moved.pt", "photos/labels.csv", "-o", "out.npz"),
        ("prune", "moved.pt", "--sparsity", "0.5", "--one-shot", "-o", "out.pt"),
        ("info", "moved.pt"),
    ],
    ids=lambda command: command[0],
)
def test_code_that_only_a_file_names_is_never_run(pbias: Run, command: tuple[str, ...]) -> None:
    assert pbias(*TRAIN, *NAMED).returncode == 0
    checkpoint = load_checkpoint("dense.pt")
    Path("imported.txt").unlink()
    Path("other_net.py").write_text(CODE)
    checkpoint.model["name"] = "other_net:make"
    save_checkpoint(checkpoint, "moved.pt")
    refused = pbias(*command)
    assert refused.returncode == 2 and refused.stderr.count("error: ") == 1
    assert "if you trust it, add --model other_net:make" in refused.stderr
    assert not Path("imported.txt").exists()
    assert pbias(*command, *NAMED).returncode == 0  # the same network from another module


def test_a_bare_state_dict_is_run_as_options_say(pbias: Run) -> None:
    assert pbias(*TRAIN, *NAMED).returncode == 0
    checkpoint = load_checkpoint("dense.pt")
    torch.save(checkpoint.state_dict, "bare.pth")
    bare = ("predict", "bare.pth", "photos/labels.csv", *NAMED, "-o", "bare.npz")
    look = ("--image-size", "24", "--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5")
    done = pbias(*bare, *look, "--targets", "bright,red", "--groups", "male")
    assert done.returncode == 0 and "training counts are those of the split" in done.stderr
    assert (
        pbias("predict", "dense.pt", "photos/labels.csv", *NAMED, "-o", "ref.npz").returncode == 0
    )
    found, expected = read_logits("bare.npz"), read_logits("ref.npz")
    np.testing.assert_array_equal(found.logits, expected.logits)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.groups, expected.groups)
    np.testing.assert_array_equal(found.train_counts, expected.train_counts)


def test_outputs_that_nobody_named_predict_nothing(pbias: Run) -> None:
    assert pbias(*TRAIN, *NAMED).returncode == 0
    torch.save(load_checkpoint("dense.pt").state_dict, "bare.pth")
    done = pbias("predict", "bare.pth", "photos/labels.csv", *NAMED, "-o", "bare.npz")
    assert done.returncode == 2 and not Path("bare.npz").exists()
    assert "does not say what its 2 outputs are; name them with --targets" in done.stderr


PRUNE = ("--sparsity", "0.5", "--epochs", "2", "--batch-size", "16")


@pytest.mark.parametrize("named", [NAMED, ("--arch", "resnet_small")], ids=lambda named: named[0])
def test_a_bare_state_dict_is_trained_on_like_its_checkpoint(
    pbias: Run, named: tuple[str, ...]
) -> None:
    assert pbias(*TRAIN, *named).returncode == 0
    torch.save(load_checkpoint("dense.pt").state_dict, "bare.pth")
    again = NAMED if named == NAMED else ()
    assert pbias("prune", "dense.pt", *PRUNE, *again, "-o", "known.pt").returncode == 0
    look = ("--image-size", "24", "--resize", "24", "--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5")
    said = (*named, *look, "--targets", "bright,red", "--data", "photos/labels.csv")
    assert pbias("prune", "bare.pth", *PRUNE, *said, "-o", "said.pt").returncode == 0
    known, made = load_checkpoint("known.pt"), load_checkpoint("said.pt")
    assert made.sparsity == known.sparsity and made.data["sha256"] == known.data["sha256"]
    assert all(torch.equal(made.state_dict[k], w) for k, w in known.state_dict.items())


def test_a_bare_state_dict_is_not_trained_on_without_data_and_targets(pbias: Run) -> None:
    assert pbias(*TRAIN, *NAMED).returncode == 0
    torch.save(load_checkpoint("dense.pt").state_dict, "bare.pth")
    prune = ("prune", "bare.pth", *PRUNE, "-o", "s50.pt")
    refused = {
        (): "add --arch NAME or --model package.module:factory",
        NAMED: "bare.pth names no data; name the data with --data LABELS.csv",
        (
            *NAMED,
            "--data",
            "photos/labels.csv",
        ): "no column 'output_0', which is the name of an output of bare.pth",
    }
    for options, message in refused.items():
        done = pbias(*prune, *options)
        assert done.returncode == 2 and message in done.stderr.splitlines()[-1]


def test_settings_for_a_bare_state_dict_are_those_of_the_small_recipe(pbias: Run) -> None:
    torch.save({"fc.weight": torch.zeros(2, 3)}, "bare.pth")
    printed = pbias("prune", "bare.pth", *NAMED, "--print-config").stdout
    assert 'model = "own_net:make"' in printed and "epochs = 10\n" in printed


def test_what_was_said_of_a_state_dict_is_kept_in_its_checkpoint(pbias: Run) -> None:
    assert pbias(*TRAIN, *NAMED).returncode == 0
    torch.save(load_checkpoint("dense.pt").state_dict, "bare.pth")
    said = ("--image-size", "20", "--resize", "22", "--targets", "x,y", "--std", "0.2,0.3,0.4")
    prune = ("prune", "bare.pth", "--sparsity", "0.5", "--one-shot", "-o", "s50.pt")
    assert pbias(*prune, *NAMED, *said).returncode == 0
    made = load_checkpoint("s50.pt")
    assert made.targets == ["x", "y"]
    assert made.preprocess == {
        "size": 22, "crop": 20, "mean": [0.485, 0.456, 0.406], "std": [0.2, 0.3, 0.4],
    }  # fmt: skip


def test_groups_can_be_named_for_a_checkpoint_without_any(pbias: Run) -> None:
    train = ("train", "photos/labels.csv", "--targets", "red", "--epochs", "1", "-o", "dense.pt")
    assert pbias(*train).returncode == 0
    predict = ("predict", "dense.pt", "photos/labels.csv", "--groups", "band", "-o", "out.npz")
    assert pbias(*predict).returncode == 0
    logits, manifest = read_logits("out.npz"), read_manifest("photos/labels.csv")
    known = select(manifest, targets=["red"], groups=["band"])
    assert logits.group_names == ("band",) and logits.group_values == (("old", "young"),)
    expected = train_counts(known, manifest.rows("train"))
    np.testing.assert_array_equal(logits.train_counts, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--model", "own_net"), "--model own_net is not a factory; write package.module:f"),
        (("--model", "absent_net:make"), "absent_net cannot be imported (ModuleNotFoundError"),
        (("--model", "own_net:mke"), "own_net has no function 'mke'; correct the name"),
        (
            ("--model", "own_net:failing"),
            "own_net:failing failed with KeyError: 'no weights'; fix",
        ),
        (("--model", "own_net:number"), "made a int; it must return a torch.nn.Module"),
        ((*NAMED, "--model-args", "depth=2"), "check --model-args"),
        ((*NAMED, "--model-args", "width"), "is neither JSON nor key=value"),
        ((*NAMED, "--model-args", '{"width": '), "is neither JSON nor key=value"),
        ((*NAMED, "--arch", "resnet18"), "--arch and --model both name a network"),
    ],
)
def test_factories_that_cannot_be_used_are_one_line(
    pbias: Run, options: tuple[str, ...], message: str
) -> None:
    done = pbias(*TRAIN, *options)
    assert (done.returncode, done.stdout) == (2, "") and message in done.stderr
    assert done.stderr.count("error: ") == 1 and not Path("dense.pt").exists()


def test_options_against_what_a_checkpoint_says_are_refused(pbias: Run) -> None:
    train = ("train", "photos/labels.csv", "--targets", "red", "--epochs", "1", "-o", "dense.pt")
    assert pbias(*train).returncode == 0
    for options in (("--arch", "resnet18"), NAMED, ("--targets", "x"), ("--mean", "0,0,0")):
        done = pbias("predict", "dense.pt", "photos/labels.csv", *options, "-o", "out.npz")
        assert done.returncode == 2
        assert f"which names its network itself; leave out {options[0]}\n" in done.stderr


def test_a_state_dict_needs_a_network_and_a_name_for_each_output(pbias: Run) -> None:
    torch.save({"fc.weight": torch.zeros(2, 3)}, "bare.pth")
    predict = ("predict", "bare.pth", "photos/labels.csv", "-o", "out.npz")
    assert "add --arch NAME or --model" in pbias(*predict).stderr
    done = pbias(*predict, "--arch", "resnet18", "--targets", "x,y,z")
    assert "bare.pth has 2 outputs but --targets names 3; name each output" in done.stderr


def test_built_in_networks_take_arguments_too(pbias: Run) -> None:
    assert pbias(*TRAIN, "--arch", "resnet_small", "--model-args", '{"width": 4}').returncode == 0
    made = load_checkpoint("dense.pt")
    assert made.model == {"name": "resnet_small", "args": {"width": 4}}
    assert made.state_dict["conv1.weight"].shape[0] == 4


def test_an_exported_program_is_run_when_it_is_trusted(pbias: Run) -> None:
    assert pbias(*TRAIN).returncode == 0
    net = network(load_checkpoint("dense.pt")).eval()
    torch.export.save(torch.export.export(net, (torch.zeros(4, 3, 24, 24),)), "dense.pt2")
    predict = ("predict", "dense.pt2", "photos/labels.csv", "-o", "program.npz")
    said = ("--targets", "bright,red", "--groups", "male", "--mean", "0.5,0.5,0.5")
    refused = pbias(*predict, *said)
    assert refused.returncode == 2 and "add --trust-program" in refused.stderr
    said = (*said, "--std", "0.5,0.5,0.5", "--trust-program")
    assert pbias(*predict, *said).returncode == 0
    assert pbias("predict", "dense.pt", "photos/labels.csv", "-o", "dense.npz").returncode == 0
    found, expected = read_logits("program.npz"), read_logits("dense.npz")
    np.testing.assert_allclose(found.logits, expected.logits, atol=1e-5)
    np.testing.assert_array_equal(found.train_counts, expected.train_counts)
    for options, message in (
        (("--image-size", "32"), "takes images of 24 px, not 32; leave out --image-size"),
        (("--resize", "20"), "--resize 20 is smaller than the network's input of 24 px"),
        (NAMED, "which contains the network; leave out --model"),
    ):
        assert message in pbias(*predict, *said, *options).stderr
    assert pbias(*predict, *said, "--resize", "30").returncode == 0
    assert "is an exported program, which 'pbias predict --tr" in pbias("info", "dense.pt2").stderr
