"""Write the corpus to a folder: `python -m retrieval.tests.bad_inputs FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from retrieval.tests.bad_inputs import photos, recordings


def main(folder: Path) -> None:
    """Write every file of the corpus to a folder, and a table of the expected answers."""
    folder.mkdir(parents=True)
    answers = []
    for photo in photos.CASES:
        (folder / str(photo)).write_bytes(photo.make())
        answers.append((str(photo), photo.codes))
    for recording in recordings.CASES:
        recording.write(folder / str(recording))
        answers.append((str(recording), recording.codes))
    with (folder / "answers.tsv").open("w") as table:
        for name, codes in answers:
            allowed = " or ".join(code or "accepted" for code in codes)
            table.write(f"{name}\t{allowed}\n")
    sys.stdout.write(f"{len(answers)} files in {folder}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
