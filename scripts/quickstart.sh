#!/usr/bin/env bash
# From a fresh clone to a fine-tuned classifier and a tagger: sets up, trains on data/, predicts.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

set_up requirements.txt
if [ ! -f model_dir/vocab.txt ] || [ ! -f model_dir/bert_model.ckpt.index ]; then
  "$PYTHON" prepare_model.py
fi

# Fine-tunes with a script on a task of data/, with the flags that follow.
fine_tune() {
  local script=$1 task=$2
  shift 2
  "$PYTHON" "$script" --task_name="$task" --do_train=true --do_eval=true --do_predict=true \
    --data_dir=data --vocab_file=model_dir/vocab.txt \
    --bert_config_file=model_dir/bert_config.json --init_checkpoint=model_dir/bert_model.ckpt \
    --max_seq_length=25 --output_dir="output/quickstart_$task" --overwrite_output_dir=true "$@"
}

# MiniLM is small: it takes a higher learning rate than BERT-Base's 2e-5.
fine_tune run_classifier.py binary --train_batch_size=32 --learning_rate=3e-4 --num_train_epochs=4
fine_tune run_ner.py ner --train_batch_size=16 --learning_rate=5e-4 --num_train_epochs=8

echo
echo "The first predictions of output/quickstart_binary/test_results.tsv:"
echo
head -n 6 output/quickstart_binary/test_results.tsv
echo
echo "and of output/quickstart_ner/test_results.jsonl:"
echo
head -n 4 output/quickstart_ner/test_results.jsonl

cat <<TEXT

To use the models on texts of your own:

    . .venv/bin/activate
    python run_ner.py --do_predict=true --output_dir=output/quickstart_ner --predict_file=my_texts.txt

with a text a line; and, with my_texts/test.tsv, a text a line after the first line "text",

    python run_classifier.py --do_predict=true --output_dir=output/quickstart_binary --data_dir=my_texts
TEXT
