#!/usr/bin/env bash
# What int8 does, and to whom: train a network, export it to ONNX, quantize it, and audit int8 against float32.
#   bash examples/onnx.sh                      (drawn faces; under four minutes on two cores)
#   bash examples/onnx.sh photos/labels.csv    (your own images)
#   OUT=onnx NUM=2000 SIZE=32 EPOCHS=10 GROUPS_=Male,Young GATE='change(accuracy)/mean >= -0.01' bash examples/onnx.sh
# Needs pip install 'pbias[onnx]'. The gate determines the exit status: 0 pass, 1 fail, 4 inconclusive.
set -euo pipefail
labels=${1:-} out=${OUT:-onnx} seed=${SEED:-0}
groups=${GROUPS_:-Male,Young} gate=${GATE:-change(accuracy)/mean >= -0.01}
[ -z "$labels" ] || labels=$(realpath "$labels")
mkdir -p "$out"
cd "$out"

# 1. Images, and a dense network.
if [ -z "$labels" ]; then
    labels=faces/labels.csv
    pbias synth -o faces --num "${NUM:-2000}" --size "${SIZE:-32}" --seed "$seed"
fi
pbias train "$labels" --groups "$groups" --epochs "${EPOCHS:-10}" --seed "$seed" -o dense.pt

# 2. The same network as ONNX, checked against torch; and in int8, with one scale per layer.
pbias export dense.pt -o fp32.onnx
pbias quantize fp32.onnx --data "$labels" --batches "${BATCHES:-8}" --seed "$seed" -o int8.onnx
pbias info int8.onnx -f table -o info.txt

# 3. Predictions of both on the test images: the files contain targets, groups and preprocessing.
pbias predict fp32.onnx "$labels" -o fp32.npz
pbias predict int8.onnx "$labels" -o int8.npz

# 4. Which predictions float32 puts at risk, and whether int8 changed those.
pbias flag fp32.npz --budget 5% --evaluate int8.npz -f table

# 5. The audit of int8 against float32, with a gate; by group, and with what could have been missed.
pbias metrics int8.npz --ref fp32.npz --gate "$gate" -f table
