#!/usr/bin/env bash
# The paper's first two claims on faces drawn by the program, over several seeds: with less than 10 % of its weights a
# network can be as accurate as the dense one and hardly more biased; beyond, it gets uncertain, its outputs hang
# together, and bias grows. Dense networks, and 90 to 99.5 % of the weights pruned in two ways: while a network learns
# from random weights (ri), and starting from the dense network (pt).
#   bash examples/claims.sh      (one network takes under two minutes on two cores; in all 27 of them)
#   SEEDS="0 1" OUT=claims NUM=10000 SIZE=48 EPOCHS=20 bash examples/claims.sh
# What is there already is kept: a run that was broken off goes on with the network it was at.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
seeds=${SEEDS:-0 1 2} out=${OUT:-claims} num=${NUM:-10000} size=${SIZE:-48} epochs=${EPOCHS:-20}
sparsities="0.9 0.95 0.99 0.995"
groups=Male,Young,Chubby,Pale_Skin
pt_epochs=$((epochs < 2 ? 1 : epochs * 4 / 5))   # the paper: 100 epochs from random weights, 80 from the dense network
mkdir -p "$out"
cd "$out"

[ -e faces/labels.csv ] || pbias synth -o faces --num "$num" --size "$size"

# make FILE COMMAND...: run a command that writes FILE, unless it is there, and say how long it took.
make() {
    local file=$1 start=$SECONDS
    shift
    [ -e "$file" ] || { echo "$file" >&2; "$@" -o "$file"; echo "$file took $((SECONDS - start)) s" >&2; }
}

for seed in $seeds; do
    make "dense-$seed.pt" pbias train faces/labels.csv --groups $groups --epochs "$epochs" --seed "$seed"
    make "dense-$seed.npz" pbias predict "dense-$seed.pt" faces/labels.csv
    for s in $sparsities; do
        make "ri$s-$seed.pt" pbias train faces/labels.csv --groups $groups --epochs "$epochs" --seed "$seed" --sparsity "$s"
        make "pt$s-$seed.pt" pbias prune "dense-$seed.pt" --sparsity "$s" --epochs "$pt_epochs" --seed "$seed"
        for way in ri pt; do
            make "$way$s-$seed.npz" pbias predict "$way$s-$seed.pt" faces/labels.csv
        done
    done
done

# The audit: all seeds of a sparsity against all dense networks. Intervals hold both samples and seeds.
for way in ri pt; do
    for s in $sparsities; do
        pbias metrics "$way$s-*.npz" --ref 'dense-*.npz' -o "$way$s.csv"
    done
done
python3 "$here/claims.py" ri*.csv > ri.md
python3 "$here/claims.py" pt*.csv > pt.md

echo; echo "Pruned while learning from random weights (GMP-RI)"; echo; cat ri.md
echo; echo "Pruned from the dense network (GMP-PT)"; echo; cat pt.md; echo
pbias compare dense-*.npz {ri,pt}{0.9,0.95}-*.npz --format table
