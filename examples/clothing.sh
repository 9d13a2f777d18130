#!/usr/bin/env bash
# examples/countermeasures.sh on photographs of clothes (https://github.com/alexeygrigorev/clothing-dataset, CC0): ten
# attributes, children's clothes as the group, and no person's photographs in two splits.
#   bash examples/clothing.sh FOLDER      (with labels.csv; SEEDS, OUT, EPOCHS and PRUNE_EPOCHS as there)
set -euo pipefail
export LABELS="${1:?name the folder of labels.csv}/labels.csv"
export TRAIN="--groups kids --cluster sender --image-size 64 --model-args width=16,depth=1"
export GROUP=kids OUT=${OUT:-clothing} EPOCHS=${EPOCHS:-20} PRUNE_EPOCHS=${PRUNE_EPOCHS:-10}
exec bash "$(dirname "$0")/countermeasures.sh"
