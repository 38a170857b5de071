"""Other implementations of the topology, and the values of theirs that the tests hold ours to.

They want an old gudhi and bring packages that clash with ours, so each runs in a process of its
own with a folder of packages before the others:

    python -m benchmarks.oracles FOLDER

installs them into FOLDER by pip, where they are not there yet, and writes tests/recorded/*.json.
"""
