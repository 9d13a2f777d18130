#!/usr/bin/env bash
# Which way of training and pruning hurts a group least? Compares plain gradual pruning with each remedy, from the same
# dense networks, with equal epochs, over several seeds, on faces drawn by the program and, if named, photographs.
#   bash examples/remedies.sh                                       (faces)
#   CLOTHING=clothing ISIC=isic2017 bash examples/remedies.sh       (with both sets of photographs)
#   SEEDS="0 1" SETS=faces REMEDIES="distill constrain" OUT=remedies NUM=8000 SIZE=32 EPOCHS=10 PRUNE_EPOCHS=6 \
#       NET=width=32 PHOTO_NET=width=16 ISIC_EPOCHS=30 ISIC_PRUNE_EPOCHS=8 bash examples/remedies.sh
# One core takes about three hours for everything. Two cores take half: run the script twice at once, with other SETS.
# What is there already is kept, and a network that was broken off goes on where it was.
# CLOTHING: https://github.com/alexeygrigorev/clothing-dataset (group: kids); ISIC: the ISIC 2017 challenge (group:
# male); each a folder with labels.csv. Remedies may be joined by +, as in distill+balance.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
seeds=${SEEDS:-0 1 2} out=${OUT:-remedies}
remedies=${REMEDIES:-distill balance dro constrain taylor fisher fisher-groups}
both=${BOTH:-fisher-groups+balance}   # the two that are tried together
# Networks are named, so that the numbers stay those of these networks whatever the default is.
net=${NET:-width=32} photo_net=${PHOTO_NET:-width=16}   # of resnet_small: for faces, for photographs of 64 px
sparsities=${SPARSITIES:-0.95 0.98}   # beyond the first only plain pruning and the two together
for name in CLOTHING ISIC; do
    [ -z "${!name:-}" ] || declare "$name=$(realpath "${!name}")"
done
sets=${SETS:-faces${CLOTHING:+ clothing}${ISIC:+ isic}}
mkdir -p "$out"
cd "$out"

# make FILE COMMAND...: run a command that writes FILE, unless it exists; FILE.log contains its output.
make() {
    local file=$1
    shift
    [ ! -e "$file" ] || return 0
    echo "$file" >&2
    "$@" -o "$file" 2> "$file.log" || { cat "$file.log" >&2; exit 1; }
}

# options NAME GROUP: the options of a remedy, one per line.
options() {
    local part
    for part in ${1//+/ }; do
        case $part in
            plain) ;;
            distill) echo --distill ;;
            balance) printf '%s\n' --balance "$2" ;;
            dro) printf '%s\n' --group-dro "$2" ;;
            constrain) printf '%s\n' --constrain "ceag@$2 <= 0.005" ;;
            taylor) printf '%s\n' --score taylor ;;
            fisher) printf '%s\n' --score fisher ;;
            fisher-groups) printf '%s\n' --score fisher --score-groups "$2" ;;
            *) echo "no remedy '$part'" >&2; exit 2 ;;
        esac
    done
}

# one SET LABELS GROUP NET EPOCHS PRUNE_EPOCHS TRAIN...: everything on one set of images.
one() {
    local set=$1 labels=$2 group=$3 net=$4 epochs=$5 prune_epochs=$6 seed name s extra
    shift 6
    for seed in $seeds; do
        make "$set-dense-$seed.pt" pbias train "$labels" --arch resnet_small --model-args "$net" \
            --epochs "$epochs" --seed "$seed" --resume "$@"
        make "$set-dense-$seed.npz" pbias predict "$set-dense-$seed.pt" "$labels" --split test
        for s in $sparsities; do
            for name in plain $remedies "$both"; do
                [ "$s" = "${sparsities%% *}" ] || [ "$name" = plain ] || [ "$name" = "$both" ] || continue
                mapfile -t extra < <(options "$name" "$group")
                make "$set-$s-$name-$seed.pt" pbias prune "$set-dense-$seed.pt" --sparsity "$s" \
                    --epochs "$prune_epochs" --seed "$seed" --resume "${extra[@]}"
                make "$set-$s-$name-$seed.npz" pbias predict "$set-$s-$name-$seed.pt" "$labels" --split test
            done
        done
    done
    # The audit, over all seeds: against the dense networks, and against plain pruning.
    for s in $sparsities; do
        for name in plain $remedies "$both"; do
            compgen -G "$set-$s-$name-[0-9]*.npz" > /dev/null || continue
            pbias metrics "$set-$s-$name-[0-9]*.npz" --ref "$set-dense-[0-9]*.npz" --groups "$group" -o "$set-$s-$name.csv" -q -q
            [ "$name" = plain ] || pbias metrics "$set-$s-$name-[0-9]*.npz" --ref "$set-$s-plain-[0-9]*.npz" \
                --groups "$group" -o "$set-$s-$name-over-plain.csv" -q -q
        done
        echo; echo "## $set, $s of the weights pruned, group $group"; echo
        python3 "$here/remedies.py" --group "$group" --set "$set-$s" --dense "$set-dense" plain $remedies "$both"
    done
}

epochs=${EPOCHS:-10} prune_epochs=${PRUNE_EPOCHS:-6}
for set in $sets; do
    case $set in
        faces)
            [ -e faces/labels.csv ] || pbias synth -o faces --num "${NUM:-8000}" --size "${SIZE:-32}" --seed 20
            one faces faces/labels.csv Male "$net" "$epochs" "$prune_epochs" --groups Male,Young,Chubby,Pale_Skin ;;
        clothing)
            one clothing "$CLOTHING/labels.csv" kids "$photo_net" "$epochs" "$prune_epochs" \
                --groups kids --cluster sender --image-size 64 ;;
        isic)   # fewer images, so more epochs
            one isic "$ISIC/labels.csv" male "$photo_net" "${ISIC_EPOCHS:-30}" "${ISIC_PRUNE_EPOCHS:-8}" \
                --groups male,age60plus --image-size 64 ;;
        *) echo "no set '$set'; choose among faces, clothing, isic" >&2; exit 2 ;;
    esac
done
