#!/usr/bin/env bash
# From a fresh clone to a fine-tuned classifier: sets up, trains on data/, evaluates, predicts.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/environment.sh

set_up requirements.txt
if [ ! -f model_dir/vocab.txt ] || [ ! -f model_dir/bert_model.ckpt.index ]; then
  "$PYTHON" prepare_model.py
fi

# MiniLM is small: it takes a higher learning rate than BERT-Base's 2e-5.
OUTPUT=output/quickstart_binary
"$PYTHON" run_classifier.py --task_name=binary --do_train=true --do_eval=true --do_predict=true \
  --data_dir=data --vocab_file=model_dir/vocab.txt \
  --bert_config_file=model_dir/bert_config.json --init_checkpoint=model_dir/bert_model.ckpt \
  --max_seq_length=25 --train_batch_size=32 --learning_rate=3e-4 --num_train_epochs=4.0 \
  --output_dir="$OUTPUT" --overwrite_output_dir=true

echo
echo "The first predictions of $OUTPUT/test_results.tsv:"
echo
head -n 6 "$OUTPUT/test_results.tsv"

cat <<TEXT

The model is in $OUTPUT. To label texts of your own, put them in my_texts/test.tsv, one a line after
the first line "text", and run:

    . .venv/bin/activate
    python run_classifier.py --do_predict=true --data_dir=my_texts --output_dir=$OUTPUT
TEXT
