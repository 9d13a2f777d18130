"""The table of commands: module, one-line summary, and examples of each."""

from __future__ import annotations

from pbias.cli.build import Entry

# Commands of two words are listed below their first word.
GROUPS = {
    "manifest": "Write a labels.csv for a data set, or check one",
    "import": "Convert predictions of other programs to logits files",
    "plot": "Draw one chart: curves, heat map, forest, calibration, scores",
}
COMMANDS = {
    "synth": Entry(
        "data.synth:synth",
        "Draw labeled faces, a data set that needs no download",
        "pbias synth -o faces --num 12000",
        "pbias synth --sheet sheet.png",
    ),
    "manifest celeba": Entry(
        "data.manifest:celeba",
        "Write a labels.csv for CelebA",
        "pbias manifest celeba CelebA -o CelebA/labels.csv",
        "pbias manifest celeba CelebA --uncropped -o CelebA/uncropped.csv",
    ),
    "manifest awa2": Entry(
        "data.manifest:awa2",
        "Write a labels.csv for Animals with Attributes 2",
        "pbias manifest awa2 Animals_with_Attributes2 -o Animals_with_Attributes2/labels.csv",
        "pbias manifest awa2 Animals_with_Attributes2 --by-class -o awa2.csv",
    ),
    "manifest folder": Entry(
        "data.manifest:folder",
        "Write a labels.csv for folders named after classes",
        "pbias manifest folder photos -o photos/labels.csv",
        "pbias manifest folder photos --seed 1 | pbias manifest check - --no-images",
    ),
    "manifest check": Entry(
        "data.manifest:check",
        "Count a manifest and find its problems",
        "pbias manifest check faces/labels.csv --groups Male,Young",
        "pbias manifest check faces/labels.csv --no-images --format csv | head",
    ),
    "backdoor": Entry(
        "data.backdoor:backdoor",
        "Tie a mark on images to an attribute, to study causes",
        "pbias backdoor faces/labels.csv --attribute Smiling --kind grayscale -o faces/gray.csv",
        "pbias backdoor faces/labels.csv --attribute Big_Nose --kind yellow_square "
        "--train-fractions 0.35 0.65 --seed 8 -o faces/nose.csv",
    ),
    "train": Entry(
        "models.train:train",
        "Train a network, dense or pruned during training",
        "pbias train faces/labels.csv --groups Male,Young -o dense.pt",
        "pbias train faces/labels.csv --groups Male,Young --sparsity 0.9,0.95 -o 'ri{sparsity}.pt'",
    ),
    "prune": Entry(
        "models.prune:prune",
        "Set an exact number of weights to zero",
        "pbias prune dense.pt --sparsity 0.95 -o s95.pt",
        "pbias prune resnet50.pth --arch resnet50 --one-shot --sparsity 0.9 -o s90.pt",
    ),
    "predict": Entry(
        "models.predict:predict",
        "Run a network on images and write logits",
        "pbias predict s95.pt faces/labels.csv --split test -o s95.npz",
        "pbias prune dense.pt --sparsity 0.9 --one-shot -o - | "
        "pbias predict - faces/labels.csv -o s90.npz",
    ),
    "import table": Entry(
        "data.importing:table",
        "Convert a CSV or Parquet table of predictions to logits",
        "pbias import table v1.csv --id id --label smiling --probability p --groups sex -o v1.npz",
        "pbias import table v1.parquet --label species --probability 'p_{class}' -o v1.npz",
    ),
    "import paper-runs": Entry(
        "data.importing:paper_runs",
        "Convert run folders of the paper's code to logits files",
        "pbias import paper-runs bias_runs --celeba CelebA -o runs",
        "pbias import paper-runs bias_runs/joint_runs --celeba CelebA --groups Male -o runs",
    ),
    "export": Entry(
        "models.export:export",
        "Write a network as an ONNX file",
        "pbias export s95.pt -o s95.onnx",
        "pbias export resnet50.pth --arch resnet50 -o resnet50.onnx",
    ),
    "quantize": Entry(
        "models.quantize:quantize",
        "Write a network as an int8 ONNX file",
        "pbias quantize dense.pt --data faces/labels.csv -o int8.onnx",
        "pbias quantize s95.onnx --data faces/labels.csv --per-channel --exclude fc -o int8.onnx",
    ),
    "info": Entry(
        "models.info:info",
        "Count the weights, zeros and operations in a file",
        "pbias info s95.pt",
        "pbias info s95.pt --expect-sparsity 0.95",
    ),
    "pack": Entry(
        "models.pack:pack",
        "Store a pruned network as a bitmask and its nonzero weights",
        "pbias pack s95.pt -o s95.packed.pt",
        "pbias prune dense.pt --sparsity 0.95 --one-shot -o - | pbias pack - -o s95.packed.pt",
    ),
    "unpack": Entry(
        "models.pack:unpack",
        "Store a packed network as plain tensors again",
        "pbias unpack s95.packed.pt -o s95.pt",
        "pbias unpack - -o s95.pt < s95.packed.pt",
    ),
    "metrics": Entry(
        "audits.metrics:metrics",
        "Audit logits for bias, compared with the dense model",
        "pbias metrics s95.npz --ref dense.npz",
        "pbias metrics s95.npz --ref dense.npz --gate 'abs(did_tpr)@Male <= 0.05' -o s95.csv",
    ),
    "count": Entry(
        "audits.count:count",
        "Count one part of the samples, without rows and ids",
        "pbias count s95-part1.npz --ref dense-part1.npz -o part1.counts.npz",
        "pbias count site.npz --min-cell 10 -o site.counts.npz && "
        "pbias metrics site.counts.npz other.counts.npz",
    ),
    "evidence": Entry(
        "audits.evidence:evidence",
        "Write an audit as evidence for a technical file",
        "pbias evidence s95.npz --ref dense.npz --facts facts.toml -o evidence.md",
        "pbias evidence int8.npz --ref fp32.npz --gate-file gates.txt --card README.md > pack.md",
    ),
    "power": Entry(
        "audits.power:power",
        "Check before compression which gates can be decided",
        "pbias power gates.txt --ref dense.npz",
        "pbias power --gate 'abs(did_tpr)@Male <= 0.05' --ref dense.npz --discordance 0.1",
    ),
    "sweep": Entry(
        "models.sweep:sweep",
        "Train, prune and audit all networks of a plan",
        "pbias sweep plan.toml --dry-run",
        "pbias sweep plan.toml --run -- --executor slurm --jobs 20",
    ),
    "select": Entry(
        "audits.select:select",
        "Select the smallest network that passes the gates",
        "pbias select s80.npz s90.npz s95.npz --ref dense.npz --gate-file gates.txt",
        "pbias select 's80-*.npz' 's90-*.npz' --ref 'dense-*.npz' --gate 'churn/mean <= 0.05'",
    ),
    "compare": Entry(
        "audits.compare:compare",
        "Put several runs side by side",
        "pbias compare dense.npz s90.npz s99.npz",
        "pbias compare *.npz --groups Male -o runs.md",
    ),
    "flag": Entry(
        "audits.flag:flag",
        "List predictions that pruning will hurt, from the dense model",
        "pbias flag dense.npz --budget 5% -o flags.csv",
        "pbias flag dense.npz --budget 5% --evaluate s99.npz",
    ),
    "exemplars": Entry(
        "audits.exemplars:exemplars",
        "Find the samples that compression changed over many runs",
        "pbias exemplars --dense 'dense-*.npz' --sparse 's95-*.npz' -o cie.csv",
        "pbias exemplars --dense 'dense-*.npz' --sparse 's95-*.npz' --summary",
    ),
    "calibrate": Entry(
        "audits.calibrate:calibrate",
        "Fit a threshold for each attribute on validation data",
        "pbias calibrate valid.npz -o thresholds.csv",
        "pbias calibrate valid.npz --objective f1 | pbias metrics test.npz --thresholds -",
    ),
    "override": Entry(
        "audits.override:override",
        "Replace flagged predictions, and measure the remaining bias",
        "pbias override s95.npz --flags flags.csv --with dense.npz --budget 5% -o fixed.npz",
        "pbias override s95.npz --flags flags.csv --with labels --ref dense.npz --curve curve.csv",
    ),
    "report": Entry(
        "audits.report:report",
        "Write an audit as one HTML page with charts",
        "pbias report s95.npz --ref dense.npz -o audit.html",
        "pbias report 's95-*.npz' --ref 'dense-*.npz' --curves '*.npz' --images faces "
        "-o audit.html",
    ),
    "plot curves": Entry(
        "audits.plot:curves",
        "Draw headline numbers against sparsity",
        "pbias plot curves dense-*.npz s90-*.npz s95-*.npz --x sparsity -o curves.pdf",
        "pbias plot curves dense.npz int8.npz --x file --metrics accuracy,auc -o curves.svg",
    ),
    "plot heatmap": Entry(
        "audits.plot:heatmap",
        "Draw a metric by attribute and group",
        "pbias plot heatmap s95.npz --ref dense.npz -o heatmap.svg",
        "pbias plot heatmap s95.npz --ref dense.npz --metric fpr --groups Male -o heatmap.png",
    ),
    "plot forest": Entry(
        "audits.plot:forest",
        "Draw the largest changes, with intervals",
        "pbias plot forest s95.npz --ref dense.npz -o forest.pdf",
        "pbias plot forest s95.npz --ref dense.npz --metric did_tpr --top 20 -o forest.svg",
    ),
    "plot calibration": Entry(
        "audits.plot:calibration",
        "Draw calibration curves, by group",
        "pbias plot calibration s95.npz --ref dense.npz --group Male -o calibration.svg",
        "pbias plot calibration s95.npz --attribute Smiling -o calibration.html",
    ),
    "plot scores": Entry(
        "audits.plot:scores",
        "Draw distributions of probabilities, by group",
        "pbias plot scores s95.npz --ref dense.npz --attribute Smiling -o scores.svg",
        "pbias plot scores s95.npz --group Male -o scores.json",
    ),
    "explain": Entry(
        "service.explain:explain",
        "Explain a metric: formula, range, undefined cases, source",
        "pbias explain",
        "pbias explain bias_amplification",
    ),
    "help": Entry(
        "service.help:show",
        "Print the help of a command",
        "pbias help",
        "pbias help manifest check",
    ),
    "env": Entry(
        "service.env:env",
        "Print versions and devices, for a bug report",
        "pbias env",
        "pbias env > env.txt",
    ),
    "completion": Entry(
        "service.completion:completion",
        "Print the completion script of a shell",
        "pbias completion fish > ~/.config/fish/completions/pbias.fish",
        'eval "$(pbias completion bash)"',
    ),
}
