"""Labels a folder of new pictures each night, and says if they have changed.

    python examples/nightly.py saved_models/digits incoming/ labels/

in a scheduled job. It writes labels/DATE.csv and labels/DATE.html, a page of
what moved since the model was trained. It ends with code 1 where something
moved by more than chance, so that the scheduler tells a person, and with 2
where it could not be done. A date that is done already is not done again.
"""

import argparse
import datetime
import pathlib
import sys

import keras_ptft

# the usual limit of the population stability index for "moved a lot"
LIMIT = "psi<=0.25"


def label(export, folder, path):
    """Writes a line for each picture: its name, label and probability.

    Pictures that cannot be decoded are named and left out.

    Args:
        export: folder of versions.
        folder: of the pictures.
        path: of the CSV file, which is written whole or not at all.
    """
    answers = keras_ptft.predict(
        export, [folder], csv=str(path), skip_bad_images=True
    )
    print(f"{path}: {len(answers)} labels")


def has_moved(export, folder, page):
    """Returns whether pictures differ from those of training, and tells how.

    Args:
        export: folder of versions.
        folder: of the pictures.
        page: HTML file to write.
    """
    found = keras_ptft.monitor(
        export,
        [folder],
        html=str(page),
        require=(LIMIT,),
        skip_bad_images=True,
    )
    print("\n".join([*found.lines, *found.unmet]))
    return bool(found.unmet)


def main(words=None):
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("export", help="as saved_models/digits")
    parser.add_argument("pictures", help="folder of the day's pictures")
    parser.add_argument("labels", type=pathlib.Path, help="folder to write to")
    today = datetime.date.today().isoformat()
    parser.add_argument("--date", default=today, help="names the files")
    given = parser.parse_args(words)
    path = given.labels / f"{given.date}.csv"
    if path.exists():
        print(f"{path} is there already")
        return 0
    given.labels.mkdir(parents=True, exist_ok=True)
    page = given.labels / f"{given.date}.html"
    moved = has_moved(given.export, given.pictures, page)
    label(given.export, given.pictures, path)
    return 1 if moved else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except keras_ptft.UserError as error:
        print(f"nightly: {error}", file=sys.stderr)
        sys.exit(2)
