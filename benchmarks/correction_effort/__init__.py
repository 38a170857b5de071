"""How much work each way of correcting is: an annotator who knows the truth is simulated.

`python -m benchmarks.correction_effort DATA` prints the tables of docs/correcting.md. DATA has the
folders `octrima` and `amd_volume`.
"""
