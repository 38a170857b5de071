"""What a minute of learning brings, what it costs of what was known, and what helps.

    python -m benchmarks.learning_curve run DATA OUT
    python -m benchmarks.learning_curve page OUT docs/learning_study.md

DATA has the folders amd_volume, octrima and lesions, each with `images` and `masks`. `OUT` gets a
line of JSON for each trial; a study that was stopped goes on after the last one. All trials of the
first seed come first, so that a part of it says something too.
"""
