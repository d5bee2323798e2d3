#!/usr/bin/env bash
# Sets up a fresh clone, fine-tunes a model for each sample in data/, and predicts with them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

set_up requirements.txt
if [ ! -f model_dir/vocab.txt ] || [ ! -f model_dir/bert_model.ckpt.index ]; then
  "$PYTHON" prepare_model.py
fi

# fine_tune SCRIPT TASK [FLAG ...]: trains on a task in data/, evaluates and predicts.
fine_tune() {
  local script=$1 task=$2
  shift 2
  "$PYTHON" "$script" --task_name="$task" --do_train=true --do_eval=true --do_predict=true \
    --data_dir=data --model_dir=model_dir \
    --output_dir="output/quickstart_$task" --overwrite_output_dir=true "$@"
}

# MiniLM is small and needs a higher learning rate than BERT-Base's 2e-5.
fine_tune run_classifier.py binary --max_seq_length=25 --train_batch_size=32 --learning_rate=3e-4 \
  --num_train_epochs=4
fine_tune run_ner.py ner --max_seq_length=25 --train_batch_size=16 --learning_rate=5e-4 \
  --num_train_epochs=8
fine_tune run_squad.py qa --max_seq_length=160 --train_batch_size=8 --learning_rate=3e-4 \
  --num_train_epochs=12

echo
echo "The first predictions in output/quickstart_binary/test_results.tsv:"
echo
head -n 6 output/quickstart_binary/test_results.tsv
echo
echo "and in output/quickstart_ner/test_results.jsonl:"
echo
head -n 4 output/quickstart_ner/test_results.jsonl
echo
echo "The answers in output/quickstart_qa/predictions.json:"
echo
head -n 7 output/quickstart_qa/predictions.json

cat <<'TEXT'

To apply the models to your own texts, write one text per line into my_texts.txt, then run:

    . .venv/bin/activate
    python run_classifier.py --do_predict=true --output_dir=output/quickstart_binary \
      --predict_file=my_texts.txt
    python run_ner.py --do_predict=true --output_dir=output/quickstart_ner \
      --predict_file=my_texts.txt
    python run_squad.py --do_predict=true --output_dir=output/quickstart_qa \
      --question="Who lives in Paris?" --context_file=my_texts.txt
TEXT
