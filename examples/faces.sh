#!/usr/bin/env bash
# What pruning does, and to whom, on faces drawn by the program. Every line is a public command: paste any of them.
#   bash examples/faces.sh [FOLDER [SEED]]     (under five minutes on two cores)
set -euo pipefail
out=${1:-demo} seed=${2:-0}
mkdir -p "$out"
cd "$out"

# 1. Faces with the attributes of CelebA, their frequencies and their ties to sex, age, weight and skin tone.
pbias synth -o faces --num 10000 --seed "$seed"

# 2. A dense network: all attributes at once, with the groups that the audit will ask about.
groups=Male,Young,Chubby,Pale_Skin
pbias train faces/labels.csv --groups "$groups" --epochs 12 --seed "$seed" -o dense.pt

# 3. Pruned step by step, with fine-tuning on the data that the checkpoint names.
for percent in 90 95 99; do
    pbias prune dense.pt --sparsity "0.$percent" --epochs 7 --seed "$seed" -o "s$percent.pt"
done

# 4. What each says of the test images.
for model in dense s90 s95 s99; do
    pbias predict "$model.pt" faces/labels.csv --split test -o "$model.npz"
done

# 5. The audit against the dense model: all numbers as CSV, and the headline for people.
pbias metrics s95.npz --ref dense.npz -o s95.csv
pbias metrics s95.npz --ref dense.npz --format table

# 6. The predictions that, by the dense model alone, are at risk.
pbias flag dense.npz -o flags.csv

# 7. Side by side.
pbias compare dense.npz s90.npz s95.npz s99.npz --format table
