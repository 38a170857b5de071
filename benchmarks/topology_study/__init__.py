"""Does a topology loss help? One model fine-tuned with three losses from few labelled B-scans.

    python -m benchmarks.topology_study run DATA OUT
    python -m benchmarks.topology_study run DATA OUT --fresh-decoder
    python -m benchmarks.topology_study page OUT docs/topology_study.md

A study that was stopped goes on where it was.
"""
