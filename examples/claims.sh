#!/usr/bin/env bash
# The paper's first two claims on faces drawn by the program, over several seeds: with less than 10 % of its weights a
# network can be as accurate as the dense one and hardly more biased; with even fewer, it becomes uncertain, its outputs
# become correlated, and bias grows. Trains dense networks and prunes 80 to 99 % of the weights: starting from the dense
# network (pt) or, with WAYS="pt ri", also while a network is trained from random weights (ri).
# The sparsity 0 trains the dense network as long again, so that effects of longer training are not taken for those of
# pruning.
#   bash examples/claims.sh      (18 networks; under two hours of one core with AVX2)
#   SEEDS="0 1" WAYS="pt ri" OUT=claims NUM=10000 SIZE=32 EPOCHS=12 PT_EPOCHS=12 NET=width=48 bash examples/claims.sh
# Existing files are kept: an interrupted run continues with the network that it was training.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
seeds=${SEEDS:-0 1 2} ways=${WAYS:-pt} out=${OUT:-claims} num=${NUM:-10000} size=${SIZE:-32} epochs=${EPOCHS:-12}
sparsities=${SPARSITIES:-0 0.8 0.9 0.95 0.99}
net=${NET:-width=48}   # of resnet_small: named, so that figures do not move with the default
groups=Male,Young,Chubby,Pale_Skin
pt_epochs=${PT_EPOCHS:-$epochs}
mkdir -p "$out"
cd "$out"

# The seed is of faces on which nothing was chosen: neither the network nor the number of epochs.
[ -e faces/labels.csv ] || pbias synth -o faces --num "$num" --size "$size" --seed 40

# make FILE COMMAND...: run a command that writes FILE, unless it exists, and print how long it took.
make() {
    local file=$1 start=$SECONDS
    shift
    [ -e "$file" ] || { echo "$file" >&2; "$@" -o "$file"; echo "$file took $((SECONDS - start)) s" >&2; }
}

train=(pbias train faces/labels.csv --groups $groups --model-args "$net" --epochs "$epochs")
for seed in $seeds; do
    make "dense-$seed.pt" "${train[@]}" --seed "$seed"
    make "dense-$seed.npz" pbias predict "dense-$seed.pt" faces/labels.csv
    for s in $sparsities; do
        for way in $ways; do
            [ "$way$s" != ri0 ] || continue   # the dense network
            if [ "$way" = ri ]; then
                make "ri$s-$seed.pt" "${train[@]}" --seed "$seed" --sparsity "$s"
            else
                make "pt$s-$seed.pt" pbias prune "dense-$seed.pt" --sparsity "$s" --epochs "$pt_epochs" --seed "$seed"
            fi
            make "$way$s-$seed.npz" pbias predict "$way$s-$seed.pt" faces/labels.csv
        done
    done
done

# The audit: all seeds of a sparsity against all dense networks, and against those that were trained as long again; over
# all attributes, and over those that at least a fifth of the faces have and a fifth lack. Intervals cover the variation
# of samples and seeds.
common=$(python3 "$here/claims.py" --common faces/labels.csv)

# audit WAY REFERENCE: print both tables of a way of pruning, against all seeds of a reference.
audit() {
    local way=$1 reference=$2 s name all=() frequent=()
    for s in $sparsities; do
        name=$way$s
        [ -e "$name-${seeds%% *}.npz" ] && [ "$name" != "$reference" ] || continue
        pbias metrics "$name-*.npz" --ref "$reference-*.npz" -o "$reference-$name.csv" -q -q
        pbias metrics "$name-*.npz" --ref "$reference-*.npz" --attributes "$common" --groups Male \
            -o "common-$reference-$name.csv" -q -q
        all+=("$reference-$name.csv") frequent+=("common-$reference-$name.csv")
    done
    ((${#all[@]})) || return 0
    python3 "$here/claims.py" "${all[@]}" | tee "$reference-$way.md"
    echo; echo "The same over the common attributes ($common)"; echo
    python3 "$here/claims.py" "${frequent[@]}" | tee "common-$reference-$way.md"
}

for way in $ways; do
    case $way in
        ri) echo; echo "Pruned while learning from random weights (GMP-RI), against the dense networks" ;;
        pt) echo; echo "Pruned from the dense network (GMP-PT), against the dense networks" ;;
    esac
    echo; audit "$way" dense
    [ "$way" = pt ] && [ -e "pt0-${seeds%% *}.npz" ] || continue
    echo; echo "Pruned from the dense network, against dense networks trained as long"
    echo; audit pt pt0
done
