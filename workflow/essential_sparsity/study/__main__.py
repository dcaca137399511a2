"""Check study files: also what Snakemake's own reader lets pass, such as a key given twice."""

import argparse
from pathlib import Path

from essential_sparsity.study.document import Study
from essential_sparsity.support import extensions
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.yaml_files import read_yaml


def main() -> None:
    """Check the files that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m essential_sparsity.study", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="study files")
    for file in parser.parse_args().files:
        document = read_yaml(file)
        extensions.use(document, file.parent, str(file))
        Study.check(document, str(file))


if __name__ == "__main__":
    run_stage(main)
