# Completions of pbias, made from its command tree by `make docs`.
_pbias() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local command=${COMP_WORDS[1]}
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "synth manifest backdoor train prune predict import export quantize info pack unpack metrics count evidence power sweep select compare flag exemplars calibrate override report plot explain help env completion -h --help -V --version" -- "$word"))
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
        "manifest check --targets") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "manifest check --classes") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "manifest check --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "manifest check --cluster") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "manifest check -f"|"manifest check --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "manifest check --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "backdoor --kind") COMPREPLY=($(compgen -W "grayscale yellow_square" -- "$word")); return ;;
        "train --targets") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "train --classes") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "train --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "train --cluster") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "train --on-bad-image") COMPREPLY=($(compgen -W "error skip" -- "$word")); return ;;
        "train --arch") COMPREPLY=($(compgen -W "resnet_small resnet18 resnet50 mobilenet_v1 vit_b_16 vit_l_16" -- "$word")); return ;;
        "train --recipe") COMPREPLY=($(compgen -W "paper-dense paper-gmp-ri paper-acdc paper-gmp-pt paper-single small" -- "$word")); return ;;
        "train --strategy") COMPREPLY=($(compgen -W "gradual acdc" -- "$word")); return ;;
        "train --score") COMPREPLY=($(compgen -W "magnitude magnitude_norm random taylor fisher" -- "$word")); return ;;
        "train --score-reduce") COMPREPLY=($(compgen -W "max mean" -- "$word")); return ;;
        "train --scope") COMPREPLY=($(compgen -W "global layer erk" -- "$word")); return ;;
        "train --balance") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "train --group-dro") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "prune --targets") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "prune --classes") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "prune --on-bad-image") COMPREPLY=($(compgen -W "error skip" -- "$word")); return ;;
        "prune --arch") COMPREPLY=($(compgen -W "resnet_small resnet18 resnet50 mobilenet_v1 vit_b_16 vit_l_16" -- "$word")); return ;;
        "prune --recipe") COMPREPLY=($(compgen -W "paper-dense paper-gmp-ri paper-acdc paper-gmp-pt paper-single small" -- "$word")); return ;;
        "prune --pruning-schedule") COMPREPLY=($(compgen -W "cubic linear constant paper" -- "$word")); return ;;
        "prune --score") COMPREPLY=($(compgen -W "magnitude magnitude_norm random taylor fisher" -- "$word")); return ;;
        "prune --score-reduce") COMPREPLY=($(compgen -W "max mean" -- "$word")); return ;;
        "prune --scope") COMPREPLY=($(compgen -W "global layer erk" -- "$word")); return ;;
        "prune --balance") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "prune --group-dro") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "predict --arch") COMPREPLY=($(compgen -W "resnet_small resnet18 resnet50 mobilenet_v1 vit_b_16 vit_l_16" -- "$word")); return ;;
        "predict --targets") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "predict --classes") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "predict --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "predict --cluster") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "predict --on-bad-image") COMPREPLY=($(compgen -W "error skip" -- "$word")); return ;;
        "import table --targets") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "import table --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "import table --cluster") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "import paper-runs --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "export --arch") COMPREPLY=($(compgen -W "resnet_small resnet18 resnet50 mobilenet_v1 vit_b_16 vit_l_16" -- "$word")); return ;;
        "export --targets") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "quantize --arch") COMPREPLY=($(compgen -W "resnet_small resnet18 resnet50 mobilenet_v1 vit_b_16 vit_l_16" -- "$word")); return ;;
        "quantize --targets") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "quantize --on-bad-image") COMPREPLY=($(compgen -W "error skip" -- "$word")); return ;;
        "info --arch") COMPREPLY=($(compgen -W "resnet_small resnet18 resnet50 mobilenet_v1 vit_b_16 vit_l_16" -- "$word")); return ;;
        "info -f"|"info --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "info --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "metrics --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "metrics --metrics") _pbias_list "top1_accuracy accuracy prevalence predicted_positive_rate auc uncertainty tcb ece interdependence bias_amplification excess_ba tpr fpr fnr ppv f1 balanced_accuracy did_tpr did_fpr did_ppv did_accuracy did_predicted_positive_rate churn nfr pfr lost_positives gained_positives ceag eod impact_ratio directional_ba underprediction calibration_gap brier calibration_error_debiased never_predicted" "$word"; return ;;
        "metrics --cluster") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "metrics -f"|"metrics --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "metrics --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "count --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "evidence --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "evidence --cluster") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "power --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "power --cluster") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "power -f"|"power --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "power --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "select --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "select --cluster") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "select -f"|"select --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "select --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "compare --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "compare -f"|"compare --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "compare --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "flag --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "flag --cluster") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "flag -f"|"flag --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "flag --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "exemplars --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "exemplars -f"|"exemplars --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "exemplars --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "calibrate --objective") COMPREPLY=($(compgen -W "positive-rate f1 balanced-accuracy" -- "$word")); return ;;
        "calibrate -f"|"calibrate --format") COMPREPLY=($(compgen -W "auto table csv json md" -- "$word")); return ;;
        "calibrate --color") COMPREPLY=($(compgen -W "auto always never" -- "$word")); return ;;
        "report --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "report --cluster") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "plot curves --metrics") _pbias_list "top1_accuracy accuracy prevalence predicted_positive_rate auc uncertainty tcb ece interdependence bias_amplification excess_ba tpr fpr fnr ppv f1 balanced_accuracy did_tpr did_fpr did_ppv did_accuracy did_predicted_positive_rate churn nfr pfr lost_positives gained_positives ceag eod impact_ratio directional_ba underprediction calibration_gap brier calibration_error_debiased never_predicted" "$word"; return ;;
        "plot curves --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "plot heatmap --metric") COMPREPLY=($(compgen -W "top1_accuracy accuracy prevalence predicted_positive_rate auc uncertainty tcb ece interdependence bias_amplification excess_ba tpr fpr fnr ppv f1 balanced_accuracy did_tpr did_fpr did_ppv did_accuracy did_predicted_positive_rate churn nfr pfr lost_positives gained_positives ceag eod impact_ratio directional_ba underprediction calibration_gap brier calibration_error_debiased never_predicted" -- "$word")); return ;;
        "plot heatmap --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
        "plot forest --metric") COMPREPLY=($(compgen -W "top1_accuracy accuracy prevalence predicted_positive_rate auc uncertainty tcb ece interdependence bias_amplification excess_ba tpr fpr fnr ppv f1 balanced_accuracy did_tpr did_fpr did_ppv did_accuracy did_predicted_positive_rate churn nfr pfr lost_positives gained_positives ceag eod impact_ratio directional_ba underprediction calibration_gap brier calibration_error_debiased never_predicted" -- "$word")); return ;;
        "plot forest --groups") _pbias_list "$(_pbias_columns)" "$word"; return ;;
    esac
    if [[ $word == -* ]]; then
        case "$command" in
            "synth") COMPREPLY=($(compgen -W "-o --output --sheet --num --size --split -s --seed --workers -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "manifest celeba") COMPREPLY=($(compgen -W "--uncropped -o --output -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "manifest awa2") COMPREPLY=($(compgen -W "--by-class -s --seed -o --output -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "manifest folder") COMPREPLY=($(compgen -W "-s --seed -o --output -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "manifest check") COMPREPLY=($(compgen -W "--targets --classes --groups --cluster --no-images --image-root --allow-outside --workers -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "backdoor") COMPREPLY=($(compgen -W "--attribute --kind --train-fractions --test-fractions -s --seed --image-root --allow-outside -o --output -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "train") COMPREPLY=($(compgen -W "-o --output --pack -n --no-clobber --print-config --dry-run --targets --classes --groups --cluster --where --image-root --image-size --resize --mean --std --augment --no-augment --on-bad-image --allow-outside --arch --model --model-args --init --recipe --loss --epochs --batch-size --optimizer --lr --lr-schedule --warmup-epochs --lr-per-epoch --lr-per-step --momentum --reset-momentum --no-reset-momentum --weight-decay --sparsity --strategy --steps --pruning-steps --pruning-epochs --pruning-schedule --initial-sparsity --score --score-batches --score-groups --score-reduce --scope --pattern --only --exclude --min-keep --min-keep-row --distill --teacher --distill-weight --temperature --balance --balance-max --group-dro --group-dro-step-size --constrain --constrain-lr --resume -s --seed --device --precision --compile --threads --workers --cache -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "prune") COMPREPLY=($(compgen -W "-o --output --pack -n --no-clobber --print-config --dry-run --targets --classes --data --image-root --image-size --resize --mean --std --augment --no-augment --on-bad-image --allow-outside --arch --model --model-args --recipe --loss --epochs --batch-size --optimizer --lr --lr-schedule --warmup-epochs --lr-per-epoch --lr-per-step --momentum --reset-momentum --no-reset-momentum --weight-decay --sparsity --one-shot --steps --pruning-steps --pruning-epochs --pruning-schedule --initial-sparsity --score --score-batches --score-groups --score-reduce --scope --pattern --only --exclude --min-keep --min-keep-row --bn-batches --distill --teacher --distill-weight --temperature --balance --balance-max --group-dro --group-dro-step-size --constrain --constrain-lr --resume -s --seed --device --precision --compile --threads --workers --cache -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "predict") COMPREPLY=($(compgen -W "-o --output --split --arch --model --model-args --trust-program --output-name --targets --classes --activation --groups --cluster --image-size --resize --mean --std --image-root --thresholds --batch-size --fast-decode --device --precision --dry-run --threads --workers --on-bad-image --allow-outside -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "import table") COMPREPLY=($(compgen -W "-o --output --id --label --probability --logit --prediction --positive --targets --groups --cluster --threshold --sep --decimal -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "import paper-runs") COMPREPLY=($(compgen -W "--celeba -o --output --groups --backdoor-ids -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "export") COMPREPLY=($(compgen -W "-o --output --arch --model --model-args --targets --image-size --resize --mean --std -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "quantize") COMPREPLY=($(compgen -W "--data -o --output --batches --batch-size --per-channel --exclude --output-name --arch --model --model-args --targets --image-size --resize --mean --std --image-root -s --seed --workers --on-bad-image --allow-outside -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "info") COMPREPLY=($(compgen -W "--expect-sparsity --arch --model --model-args -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "pack") COMPREPLY=($(compgen -W "-o --output -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "unpack") COMPREPLY=($(compgen -W "-o --output -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "metrics") COMPREPLY=($(compgen -W "--ref --groups --attributes --metrics --labels --thresholds --ref-thresholds --probabilities --logits --cluster --level --folds --no-intervals --gate --gate-file --gate-strict --gate-joint --report --junit --tag --in-memory --min-cell -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "count") COMPREPLY=($(compgen -W "-o --output --ref --groups --metrics --thresholds --ref-thresholds --probabilities --logits --min-cell --first-row -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "evidence") COMPREPLY=($(compgen -W "--ref --facts --groups --attributes --labels --thresholds --ref-thresholds --probabilities --logits --cluster --level --gate --gate-file --gate-strict --gate-joint -o --output --card -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "power") COMPREPLY=($(compgen -W "--ref --gate --discordance --draws --groups --attributes --labels --thresholds --probabilities --logits --cluster --level --gate-strict --gate-joint --report -s --seed -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "sweep") COMPREPLY=($(compgen -W "-o --output --run --dry-run -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "select") COMPREPLY=($(compgen -W "--ref --gate --gate-file --gate-strict --gate-joint --order --groups --attributes --labels --thresholds --ref-thresholds --probabilities --logits --cluster --level --in-memory --min-cell --report -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "compare") COMPREPLY=($(compgen -W "--groups --attributes --labels --probabilities --logits --in-memory -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "flag") COMPREPLY=($(compgen -W "--margin --budget --by-group --summary --evaluate --groups --labels --cluster --thresholds --evaluate-thresholds --probabilities --logits -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "exemplars") COMPREPLY=($(compgen -W "--dense --sparse --summary --top --groups --attributes --labels --level --probabilities --logits --images -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "calibrate") COMPREPLY=($(compgen -W "--objective --allow-test --labels --probabilities --logits -o --output -f --format --color -n --no-clobber -q --quiet -v --verbose --safe-csv --config --debug -h --help" -- "$word")) ;;
            "override") COMPREPLY=($(compgen -W "--flags --with -o --output --budget --curve --ref --labels --probabilities --logits -s --seed -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "report") COMPREPLY=($(compgen -W "-o --output --title --ref --curves --groups --attributes --labels --thresholds --ref-thresholds --probabilities --logits --cluster --level --gate --gate-file --images --examples --facts -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "plot curves") COMPREPLY=($(compgen -W "-o --output --x --metrics --groups --attributes --labels --probabilities --logits -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "plot heatmap") COMPREPLY=($(compgen -W "-o --output --ref --metric --groups --attributes --labels --level --probabilities --logits -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "plot forest") COMPREPLY=($(compgen -W "-o --output --ref --metric --top --groups --attributes --labels --level --probabilities --logits -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "plot calibration") COMPREPLY=($(compgen -W "-o --output --ref --attribute --group --labels --probabilities --logits -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "plot scores") COMPREPLY=($(compgen -W "-o --output --ref --attribute --group --labels --probabilities --logits -n --no-clobber -q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "explain") COMPREPLY=($(compgen -W "-q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "help") COMPREPLY=($(compgen -W "-q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "env") COMPREPLY=($(compgen -W "-q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
            "completion") COMPREPLY=($(compgen -W "-q --quiet -v --verbose --config --debug -h --help" -- "$word")) ;;
        esac
        return
    fi
    case "$command" in
        "explain") COMPREPLY=($(compgen -W "top1_accuracy accuracy prevalence predicted_positive_rate auc uncertainty tcb ece interdependence bias_amplification excess_ba tpr fpr fnr ppv f1 balanced_accuracy did_tpr did_fpr did_ppv did_accuracy did_predicted_positive_rate churn nfr pfr lost_positives gained_positives ceag eod impact_ratio directional_ba underprediction calibration_gap brier calibration_error_debiased never_predicted flag_risk attribute_risk modal taxicab over_representation" -- "$word")); return ;;
        "help") COMPREPLY=($(compgen -W "synth manifest celeba manifest awa2 manifest folder manifest check backdoor train prune predict import table import paper-runs export quantize info pack unpack metrics count evidence power sweep select compare flag exemplars calibrate override report plot curves plot heatmap plot forest plot calibration plot scores explain help env completion" -- "$word")); return ;;
        "completion") COMPREPLY=($(compgen -W "bash zsh fish" -- "$word")); return ;;
    esac
    COMPREPLY=($(compgen -f -- "$word"))
}
# The last name of a list, with the names before it in front.
_pbias_list() {
    local last=${2##*,}
    COMPREPLY=($(compgen -P "${2%"$last"}" -W "$1" -- "$last"))
    compopt -o nospace 2> /dev/null
}
# The columns of the first CSV file on the command line.
_pbias_columns() {
    local file
    for file in "${COMP_WORDS[@]}"; do
        if [[ $file == *.csv && -f $file ]]; then
            head -c 65536 -- "$file" | head -n 1 | tr -d '\r"' | tr , '\n' | grep -xE '[A-Za-z0-9_.-]+'
            return
        fi
    done
}
complete -o filenames -F _pbias pbias
