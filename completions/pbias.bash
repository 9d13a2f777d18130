# Completions of pbias, made from its command tree by `make docs`.
_pbias() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local command=${COMP_WORDS[1]}
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "synth manifest backdoor train prune predict import export quantize info pack unpack metrics evidence power compare flag exemplars calibrate override report plot explain env completion -h --help -V --version" -- "$word"))
        return
    fi
    if [[ $command == manifest ]]; then
        if [[ $COMP_CWORD -eq 2 ]]; then
            COMPREPLY=($(compgen -W "celeba awa2 folder check -h --help" -- "$word"))
            return
        fi
        command+=" ${COMP_WORDS[2]}"
    fi
    if [[ $command == import ]]; then
        if [[ $COMP_CWORD -eq 2 ]]; then
            COMPREPLY=($(compgen -W "table paper-runs -h --help" -- "$word"))
            return
        fi
        command+=" ${COMP_WORDS[2]}"
    fi
    if [[ $command == plot ]]; then
        if [[ $COMP_CWORD -eq 2 ]]; then
            COMPREPLY=($(compgen -W "curves heatmap forest calibration scores -h --help" -- "$word"))
            return
        fi
        command+=" ${COMP_WORDS[2]}"
    fi
    case "$command $before" in
        "manifest check -f"|"manifest check --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "manifest check --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "backdoor --kind") COMPREPLY=($(compgen -W "grayscale yellow_square" -- "$word")); return ;;
        "train --strategy") COMPREPLY=($(compgen -W "gradual acdc" -- "$word")); return ;;
        "train --score") COMPREPLY=($(compgen -W "magnitude magnitude_norm random taylor fisher" -- "$word")); return ;;
        "train --score-reduce") COMPREPLY=($(compgen -W "max mean" -- "$word")); return ;;
        "train --scope") COMPREPLY=($(compgen -W "global layer erk" -- "$word")); return ;;
        "train --on-bad-image") COMPREPLY=($(compgen -W "error skip" -- "$word")); return ;;
        "prune --pruning-schedule") COMPREPLY=($(compgen -W "cubic linear constant paper" -- "$word")); return ;;
        "prune --score") COMPREPLY=($(compgen -W "magnitude magnitude_norm random taylor fisher" -- "$word")); return ;;
        "prune --score-reduce") COMPREPLY=($(compgen -W "max mean" -- "$word")); return ;;
        "prune --scope") COMPREPLY=($(compgen -W "global layer erk" -- "$word")); return ;;
        "prune --on-bad-image") COMPREPLY=($(compgen -W "error skip" -- "$word")); return ;;
        "predict --on-bad-image") COMPREPLY=($(compgen -W "error skip" -- "$word")); return ;;
        "quantize --on-bad-image") COMPREPLY=($(compgen -W "error skip" -- "$word")); return ;;
        "info -f"|"info --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "info --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "metrics -f"|"metrics --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "metrics --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "power -f"|"power --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "power --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "compare -f"|"compare --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "compare --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "flag -f"|"flag --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "flag --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "exemplars -f"|"exemplars --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "exemplars --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "calibrate --objective") COMPREPLY=($(compgen -W "positive-rate f1 balanced-accuracy" -- "$word")); return ;;
        "calibrate -f"|"calibrate --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "calibrate --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
    esac
    if [[ $word == -* ]]; then
        case "$command" in
            "synth") COMPREPLY=($(compgen -W "-o --output --sheet --num --size --split -s --seed --workers -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "manifest celeba") COMPREPLY=($(compgen -W "--uncropped -o --output -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "manifest awa2") COMPREPLY=($(compgen -W "--by-class -s --seed -o --output -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "manifest folder") COMPREPLY=($(compgen -W "-s --seed -o --output -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "manifest check") COMPREPLY=($(compgen -W "--targets --classes --groups --cluster --no-images --image-root --allow-outside --workers -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "backdoor") COMPREPLY=($(compgen -W "--attribute --kind --train-fractions --test-fractions -s --seed --image-root --allow-outside -o --output -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "train") COMPREPLY=($(compgen -W "-o --output --arch --model --model-args --targets --classes --groups --cluster --where --image-root --image-size --resize --mean --std --recipe --loss --epochs --batch-size --optimizer --lr --lr-schedule --warmup-epochs --lr-per-epoch --lr-per-step --momentum --reset-momentum --no-reset-momentum --weight-decay --augment --no-augment --distill --teacher --distill-weight --temperature --balance --balance-max --group-dro --group-dro-step-size --constrain --constrain-lr --init --sparsity --strategy --steps --pruning-steps --pruning-epochs --pruning-schedule --initial-sparsity --score --score-batches --score-groups --score-reduce --scope --pattern --only --exclude --min-keep --min-keep-row --pack --print-config -s --seed --device --precision --compile --resume --dry-run --workers --cache --on-bad-image --allow-outside -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "prune") COMPREPLY=($(compgen -W "--sparsity -o --output --one-shot --arch --model --model-args --targets --classes --image-size --resize --mean --std --data --recipe --loss --epochs --steps --pruning-steps --pruning-epochs --initial-sparsity --pruning-schedule --score --score-batches --score-groups --score-reduce --scope --pattern --only --exclude --min-keep --min-keep-row --bn-batches --batch-size --optimizer --lr --lr-schedule --warmup-epochs --lr-per-epoch --lr-per-step --momentum --reset-momentum --no-reset-momentum --weight-decay --augment --no-augment --distill --teacher --distill-weight --temperature --balance --balance-max --group-dro --group-dro-step-size --constrain --constrain-lr --print-config --pack --image-root --cache -s --seed --device --precision --compile --resume --dry-run --workers --on-bad-image --allow-outside -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "predict") COMPREPLY=($(compgen -W "-o --output --split --arch --model --model-args --trust-program --output-name --targets --classes --activation --groups --cluster --image-size --resize --mean --std --image-root --thresholds --batch-size --device --precision --dry-run --workers --on-bad-image --allow-outside -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "import table") COMPREPLY=($(compgen -W "-o --output --id --label --probability --logit --prediction --targets --groups --cluster --threshold --sep --decimal -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "import paper-runs") COMPREPLY=($(compgen -W "--celeba -o --output --groups --backdoor-ids -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "export") COMPREPLY=($(compgen -W "-o --output --arch --model --model-args --targets --image-size --resize --mean --std -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "quantize") COMPREPLY=($(compgen -W "--data -o --output --batches --batch-size --per-channel --exclude --output-name --arch --model --model-args --targets --image-size --resize --mean --std --image-root -s --seed --workers --on-bad-image --allow-outside -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "info") COMPREPLY=($(compgen -W "--expect-sparsity --arch --model --model-args -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "pack") COMPREPLY=($(compgen -W "-o --output -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "unpack") COMPREPLY=($(compgen -W "-o --output -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "metrics") COMPREPLY=($(compgen -W "--ref --groups --attributes --metrics --labels --thresholds --ref-thresholds --probabilities --logits --cluster --level --folds --no-intervals --gate --gate-file --gate-strict --gate-joint --report --junit --in-memory -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "evidence") COMPREPLY=($(compgen -W "--ref --facts --groups --attributes --labels --thresholds --ref-thresholds --probabilities --logits --cluster --level --gate --gate-file --gate-strict --gate-joint -o --output --card -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "power") COMPREPLY=($(compgen -W "--ref --gate --discordance --draws --groups --attributes --labels --thresholds --probabilities --logits --cluster --level --gate-strict --gate-joint --report -s --seed -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "compare") COMPREPLY=($(compgen -W "--groups --attributes --labels --probabilities --logits -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "flag") COMPREPLY=($(compgen -W "--margin --budget --summary --evaluate --groups --labels --cluster --thresholds --evaluate-thresholds --probabilities --logits -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "exemplars") COMPREPLY=($(compgen -W "--dense --sparse --summary --top --groups --attributes --labels --level --probabilities --logits --images -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "calibrate") COMPREPLY=($(compgen -W "--objective --allow-test --labels --probabilities --logits -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "override") COMPREPLY=($(compgen -W "--flags --with -o --output --budget --curve --ref --labels --probabilities --logits -s --seed -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "report") COMPREPLY=($(compgen -W "-o --output --ref --curves --groups --attributes --labels --thresholds --ref-thresholds --probabilities --logits --cluster --level --gate --gate-file --images --examples --facts -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "plot curves") COMPREPLY=($(compgen -W "-o --output --x --metrics --groups --attributes --labels --probabilities --logits -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "plot heatmap") COMPREPLY=($(compgen -W "-o --output --ref --metric --groups --attributes --labels --level --probabilities --logits -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "plot forest") COMPREPLY=($(compgen -W "-o --output --ref --metric --top --groups --attributes --labels --level --probabilities --logits -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "plot calibration") COMPREPLY=($(compgen -W "-o --output --ref --attribute --group --labels --probabilities --logits -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "plot scores") COMPREPLY=($(compgen -W "-o --output --ref --attribute --group --labels --probabilities --logits -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "explain") COMPREPLY=($(compgen -W "-q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "env") COMPREPLY=($(compgen -W "-q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "completion") COMPREPLY=($(compgen -W "-q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
        esac
        return
    fi
    COMPREPLY=($(compgen -f -- "$word"))
}
complete -o filenames -F _pbias pbias
