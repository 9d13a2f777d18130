"""The jobs of a sweep: each is one public command line, with its inputs, outputs and log."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pbias.workflows.sweeping.plan import Options, Plan

GATED = (1, 4)  # statuses of a verdict, which is a result of a sweep and not a failure


@dataclass(frozen=True)
class Job:
    """A command line; `done` is a flag file for outputs that the job may extend.

    `heavy` jobs train and take a GPU; `group` names small jobs that a cluster runs together.
    `accepted` contains exit statuses besides 0 that are not failures.
    """

    name: str
    argv: Sequence[str]
    inputs: Sequence[str]
    outputs: Sequence[str]
    log: str
    done: str | None = None
    heavy: bool = False
    group: str = ""
    accepted: Sequence[int] = ()

    @property
    def results(self) -> list[str]:
        """The files that other jobs wait for."""
        return [self.done] if self.done else list(self.outputs)


@dataclass(frozen=True)
class _Network:
    """A network and the logits file that it will write."""

    architecture: str
    seed: int
    way: str
    sparsity: float | None
    path: str
    after: Sequence[str]  # files that must exist first

    @property
    def stem(self) -> str:
        """The name of the file without folder and suffix."""
        return PurePosixPath(self.path).name.rpartition(".")[0]


def jobs_of(plan: Plan) -> list[Job]:
    """Return all jobs, in an order in which they can run one after another."""
    return _Jobs(plan).all()


class _Jobs:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.networks: list[_Network] = []
        # By architecture, way and sparsity; without a way, all of an architecture.
        self.logits: defaultdict[tuple[Any, ...], list[str]] = defaultdict(list)
        self.jobs: list[Job] = []

    def all(self) -> list[Job]:
        """Return all jobs: data, networks, logits, audits, and final results."""
        self._data()
        for architecture in self.plan.architectures:
            for seed in self.plan.seeds:
                self._networks(architecture, seed)
        for network in self.networks:
            self._predict(network)
        for architecture in self.plan.architectures:
            self._audits(architecture)
        self._end()
        return self.jobs

    def _data(self) -> None:
        plan, labels = self.plan, self.plan.labels
        if plan.synth is not None:
            folder = str(PurePosixPath(labels).parent)
            argv = ["pbias", "synth", "-o", folder, *_flags(plan.synth)]
            self._add("data", argv, [], [labels])
        elif plan.celeba is not None:
            argv = ["pbias", "manifest", "celeba", plan.celeba, "-o", labels]
            self._add("data", argv, [], [labels])

    def _networks(self, architecture: str, seed: int) -> None:
        plan, head = self.plan, f"{_plain(architecture)}-{seed}"
        dense = self._path("networks", f"{head}-dense.pt")
        groups = ["--groups", ",".join(plan.groups)] if plan.groups else []
        start = ["pbias", "train", plan.labels, *groups, "--arch", architecture]
        options = _flags(plan.options["train"])
        made = [*start, *options, "--seed", str(seed), "--resume", "-o", dense]
        trained = self._heavy(f"{head}-dense", made, [plan.labels])
        self._known(architecture, seed, "dense", None, dense, trained)
        for way in plan.ways:
            if way == "int8":
                self._int8(architecture, seed, dense, trained)
                continue
            paths = self._path("networks", f"{head}-{way}-{{sparsity}}.pt")
            options, resume = _flags(plan.options[way]), ["--resume"]
            if way == "from-scratch":
                argv = [*start, *(options or _flags(plan.options["train"]))]
                after = [plan.labels]
            else:
                argv, after = ["pbias", "prune", dense, *options], [trained]
                resume = [] if plan.options[way].get("one-shot") else resume
            listed = ",".join(f"{s:g}" for s in plan.sparsities)
            argv += ["--sparsity", listed, "--seed", str(seed), *resume, "-o", paths]
            pruned = self._heavy(f"{head}-{way}", argv, after)
            for sparsity in plan.sparsities:
                path = paths.replace("{sparsity}", f"{sparsity:g}")
                self._known(architecture, seed, way, sparsity, path, pruned)

    def _int8(self, architecture: str, seed: int, dense: str, trained: str) -> None:
        plan, head = self.plan, f"{_plain(architecture)}-{seed}-int8"
        path = self._path("networks", f"{head}.onnx")
        options = _flags(plan.options["int8"])
        argv = ["pbias", "quantize", dense, "--data", plan.labels, *options]
        self._add(head, [*argv, "--seed", str(seed), "-o", path], [trained], [path])
        self._known(architecture, seed, "int8", None, path, path)

    def _predict(self, network: _Network) -> None:
        argv = ["pbias", "predict", network.path, self.plan.labels]
        argv += [*_flags(self.plan.options["predict"]), "-o", self._logits(network)]
        group = f"predict-{_plain(network.architecture)}-{network.seed}"
        inputs = [*network.after, self.plan.labels]
        outputs = [self._logits(network)]
        self._add(f"predict-{network.stem}", argv, inputs, outputs, heavy=True, group=group)

    def _audits(self, architecture: str) -> None:
        dense, head = self._of(architecture, "dense"), _plain(architecture)
        refs = [part for path in dense for part in ("--ref", path)]
        shared = _flags({k: v for k, v in self.plan.audit.items() if k != "gates"})
        last: list[str] = []
        for way in self.plan.ways:
            candidates: list[str] = []
            for sparsity in [None] if way == "int8" else self.plan.sparsities:
                runs = self._of(architecture, way, sparsity)
                name = f"{head}-{way}" + ("" if sparsity is None else f"-{sparsity:g}")
                table = self._path("audits", f"{name}.csv")
                page = self._path("audits", f"{name}.md")
                tags = {"architecture": architecture, "strategy": way, "sparsity": sparsity or 0}
                tagged = [p for k, v in tags.items() for p in ("--tag", f"{k}={v}")]
                argv = ["pbias", "metrics", *runs, *refs, *shared, *tagged]
                argv += ["-o", table, "--report", page]
                inputs = [*runs, *dense]
                self._add(f"audit-{name}", argv, inputs, [table, page], group=f"audit-{head}")
                last, candidates = runs, [*candidates, *runs]
            self._select(f"{head}-{way}", candidates, dense, refs, shared)
        page = self._path("reports", f"{head}.html")
        every = self._of(architecture)
        curves = [part for path in every for part in ("--curves", path)]
        argv = ["pbias", "report", *last, *refs, *curves, *shared, "-o", page]
        self._add(f"report-{head}", argv, every, [page])

    def _select(
        self, name: str, runs: list[str], dense: list[str], refs: list[str], shared: list[str]
    ) -> None:
        """Select the smallest network of each way, over its seeds, if the plan has gates."""
        gates = [p for text in self.plan.audit.get("gates", []) for p in ("--gate", text)]
        if not gates:
            return
        # A quoted glob stands for the runs of one candidate, if there are several.
        glob = re.compile(r"-\d+-")
        seeds = len(self.plan.seeds)
        arguments = runs
        if seeds > 1:
            stems = dict.fromkeys(self._glob(path, glob) for path in runs)
            arguments = list(stems)
        output = self._path("selected", f"{name}.json")
        argv = ["pbias", "select", *arguments, *refs, *gates, *shared, "-o", output]
        self._add(f"select-{name}", argv, [*runs, *dense], [output], accepted=GATED)

    def _glob(self, path: str, seed: re.Pattern[str]) -> str:
        folder, _, name = path.rpartition("/")
        return f"{folder}/{seed.sub('-*-', name, count=1)}"

    def _end(self) -> None:
        every = [self._logits(network) for network in self.networks]
        table, figure = self._path("runs.csv"), self._path("curves.svg")
        groups = _flags({k: v for k, v in self.plan.audit.items() if k in ("groups", "attributes")})
        self._add("runs", ["pbias", "compare", *every, *groups, "-o", table], every, [table])
        argv = ["pbias", "plot", "curves", *every, *groups, "-o", figure]
        self._add("curves", argv, every, [figure])

    def _of(self, architecture: str, way: str = "", sparsity: float | None = None) -> list[str]:
        return self.logits[architecture, way, sparsity]

    def _known(
        self,
        architecture: str,
        seed: int,
        way: str,
        sparsity: float | None,
        path: str,
        after: str,
    ) -> None:
        network = _Network(architecture, seed, way, sparsity, path, [after])
        self.networks.append(network)
        for key in ((architecture, "", None), (architecture, way, sparsity)):
            self.logits[key].append(self._logits(network))

    def _logits(self, network: _Network) -> str:
        return self._path("logits", f"{network.stem}.npz")

    def _path(self, *parts: str) -> str:
        return str(PurePosixPath(self.plan.out, *parts))

    def _heavy(self, name: str, argv: list[str], inputs: list[str]) -> str:
        """Add a training job, which resumes after an interruption; return its flag."""
        done = self._path("done", name)
        log = self._path("logs", f"{name}.log")
        self.jobs.append(Job(name, argv, inputs, [], log, done=done, heavy=True))
        return done

    def _add(
        self,
        name: str,
        argv: list[str],
        inputs: list[str],
        outputs: list[str],
        **more: Any,
    ) -> None:
        log = self._path("logs", f"{name}.log")
        self.jobs.append(Job(name, argv, list(dict.fromkeys(inputs)), outputs, log, **more))


def _flags(options: Options) -> list[str]:
    """Return options as typed on the command line.

    >>> _flags({"epochs": 2, "augment": False, "pack": True, "groups": ["a", "b"]})
    ['--epochs', '2', '--no-augment', '--pack', '--groups', 'a,b']
    """
    words: list[str] = []
    for key, value in options.items():
        option = key.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words += [f"--{option}", _text(value)]
    return words


def _text(value: Any) -> str:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ",".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(name: str) -> str:
    """Return an architecture as part of a file name."""
    return re.sub(r"[^A-Za-z0-9_.]+", "_", name)
