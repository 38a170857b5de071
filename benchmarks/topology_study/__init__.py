"""Does a topology loss help? One model fine-tuned with three losses from few labelled B-scans.

    python -m benchmarks.topology_study tune DATA OUT
    python -m benchmarks.topology_study run DATA OUT
    python -m benchmarks.topology_study run DATA OUT --fresh-decoder
    python -m benchmarks.topology_study page OUT docs/topology_study.md

DATA holds labelled B-scans of several subjects, see docs/datasets.md. `OUT/study.json` is written
trial by trial, and a study that was stopped goes on after the last one.
"""
