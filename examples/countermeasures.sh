#!/usr/bin/env bash
# Before and after pruning, over several seeds: flag predictions that pruning will hurt, from the dense networks alone;
# compare the flags with what pruning did; find whom it hurt; and repair it with thresholds and overrides. Nothing is
# fitted to the test split.
#   bash examples/countermeasures.sh      (drawn faces; under five minutes per seed on two cores)
#   SEEDS="0 1 2" OUT=countermeasures NUM=10000 SIZE=64 EPOCHS=14 PRUNE_EPOCHS=8 FACES=10 bash examples/countermeasures.sh
#   LABELS=photos/labels.csv TRAIN="--groups sex --cluster person" GROUP=sex bash examples/countermeasures.sh
# Existing files are kept: an interrupted run continues where it stopped.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
seeds=${SEEDS:-0 1 2} out=${OUT:-countermeasures} labels=${LABELS:-}
epochs=${EPOCHS:-14} prune_epochs=${PRUNE_EPOCHS:-8} budget=${BUDGET:-5%}
sparsities="0.95 0.99"
group=${GROUP:-Male}   # the one that tables show
net=${NET:-width=16,depth=1}   # of resnet_small: named, so that figures do not move with the default
train=${TRAIN:---groups Male,Young,Chubby,Pale_Skin --model-args $net}
[ -z "$labels" ] || labels=$(realpath "$labels")
mkdir -p "$out"
cd "$out"

# Faces that were not used to design the scores of `pbias flag` (seed 0 was used).
[ -n "$labels" ] || labels=faces/labels.csv
[ -e "$labels" ] || pbias synth -o faces --num "${NUM:-10000}" --size "${SIZE:-64}" --seed "${FACES:-10}"

# make FILE COMMAND...: run a command that writes FILE, unless it exists.
make() {
    local file=$1
    shift
    [ -e "$file" ] || { echo "$file" >&2; "$@" -o "$file"; }
}

for seed in $seeds; do
    # 1. A dense network, and two networks pruned from it.
    # shellcheck disable=SC2086  # several words
    make "dense-$seed.pt" pbias train "$labels" $train --epochs "$epochs" --seed "$seed"
    for s in $sparsities; do
        make "s$s-$seed.pt" pbias prune "dense-$seed.pt" --sparsity "$s" --epochs "$prune_epochs" --seed "$seed"
    done

    # 2. Thresholds from the validation split; predictions on the test split, with and without them.
    for m in dense s0.95 s0.99; do
        make "valid-$m-$seed.npz" pbias predict "$m-$seed.pt" "$labels" --split valid
        make "thresholds-$m-$seed.csv" pbias calibrate "valid-$m-$seed.npz"
        make "$m-$seed.npz" pbias predict "$m-$seed.pt" "$labels" --split test
        make "calibrated-$m-$seed.npz" pbias predict "$m-$seed.pt" "$labels" --split test \
            --thresholds "thresholds-$m-$seed.csv"
    done

    # 3. From the dense network alone: predictions by risk, attributes by risk; and whether the flags were right.
    make "flags-$seed.csv" pbias flag "dense-$seed.npz" --margin 0.5
    make "attributes-$seed.csv" pbias flag "dense-$seed.npz" --summary -f md
    make "evaluation-$seed.csv" pbias flag "dense-$seed.npz" --budget "$budget" \
        --evaluate "s0.95-$seed.npz" --evaluate "s0.99-$seed.npz"

    # 4. Override the riskiest predictions with the dense network's; alone, and with thresholds. Curves.
    for s in $sparsities; do
        make "overridden-s$s-$seed.npz" pbias override "s$s-$seed.npz" --flags "flags-$seed.csv" \
            --with "dense-$seed.npz" --budget "$budget"
        make "both-s$s-$seed.npz" pbias override "calibrated-s$s-$seed.npz" --flags "flags-$seed.csv" \
            --with "calibrated-dense-$seed.npz" --budget "$budget"
        for with in dense labels; do
            file=$with
            [ "$with" = labels ] || file=dense-$seed.npz
            curve=curve-$with-s$s-$seed.csv
            [ -e "$curve" ] || pbias override "s$s-$seed.npz" --flags "flags-$seed.csv" --with "$file" \
                --ref "dense-$seed.npz" --seed "$seed" --curve "$curve"
        done
    done
done

# 5. All seeds together against the unchanged dense networks; exemplars of the two sides.
for m in calibrated-dense s0.95 {calibrated,overridden,both}-s0.95 s0.99 {calibrated,overridden,both}-s0.99; do
    make "$m.csv" pbias metrics "$m-*.npz" --ref 'dense-*.npz'
done
for s in $sparsities; do
    make "exemplars-s$s.csv" pbias exemplars --dense 'dense-*.npz' --sparse "s$s-*.npz"
    make "exemplars-s$s.md" pbias exemplars --dense 'dense-*.npz' --sparse "s$s-*.npz" --summary -f md
done

for s in $sparsities; do
    echo; echo "## $s of the weights pruned"
    echo; echo "What thresholds and overriding $budget of the predictions buy: changes from the dense networks"; echo
    python3 "$here/claims.py" calibrated-dense.csv "s$s.csv" {calibrated,overridden,both}-"s$s.csv"
    echo; echo "Were the flags right ($budget of all predictions)"; echo
    python3 "$here/countermeasures.py" --group "$group" --run "s$s" evaluation-*.csv
    for with in dense labels; do
        echo; echo "What is left when so many predictions are overridden (with: $with)"; echo
        python3 "$here/countermeasures.py" --group "$group" curve-"$with-s$s"-*.csv
    done
    echo; echo "Exemplars"; echo; cat "exemplars-s$s.md"
done
