"""What Dataflow must be told, checked before Beam looks: where something is missing, Beam asks the network for it.

Without a valid `--temp_location` Beam 2.77 makes a bucket of its own; without `--region` it runs `gcloud`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlparse

from apache_beam.options.pipeline_options import PipelineOptions

from ....core.errors import UsageError, did_you_mean

RUNNER = "DataflowRunner"

_FOLDER = re.compile(r"gs://[a-z0-9][-_a-z0-9.]+[a-z0-9]/\S*")
_FORMS = {
    "project": (re.compile(r"[a-z][-a-z0-9:.]+[a-z0-9]"), "the id of a project: my-project-1"),
    "region": (re.compile(r"[a-z]+-[a-z]+[0-9]+"), "a region: europe-west1"),
    "temp_location": (_FOLDER, "a folder of a bucket: gs://my-bucket/temp"),
    "staging_location": (_FOLDER, "a folder of a bucket: gs://my-bucket/staging"),
    "job_name": (re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"), "small letters, digits and hyphens: meeting-views"),
}


def dataflow_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Beam's options for a job on Dataflow, complete.

    Args:
        given: Beam's own pipeline options, as the tool takes them.

    Raises:
        UsageError: `wrong-usage` or `unknown-name`: something is missing, has another form, or is no option of Beam.
    """
    options = dict(given)
    known = PipelineOptions([]).get_all_options()
    for name in given:
        if name not in (*known, "runner", "experiment", "label", "extra_package", "dataflow_service_option"):
            raise UsageError("unknown-name", f"Beam has no pipeline option {name!r}", fix=did_you_mean(name, known))
    options["runner"] = RUNNER
    options.setdefault("staging_location", options.get("temp_location"))
    # Nothing of `__main__` is in these jobs; Beam would pickle all of it.
    options.setdefault("save_main_session", False)
    for name, (form, fix) in _FORMS.items():
        if name == "job_name" and not (given.get("update") or name in given):
            continue
        _check(name, options.get(name), form, fix, given)
    try:
        PipelineOptions.from_dictionary(options).get_all_options()
    except SystemExit as error:
        raise UsageError("wrong-usage", "Beam does not take these options", fix="It says why above.") from error
    return options


def is_local(endpoint: str) -> bool:
    """Whether an endpoint is a service of this machine, which takes folders of this machine too."""
    return urlparse(endpoint).hostname == "localhost"


def _check(name: str, value: Any, form: re.Pattern[str], fix: str, given: Mapping[str, Any]) -> None:
    if value is None:
        raise UsageError("wrong-usage", f"Dataflow needs --{name}", fix=f"Give {fix}")
    here = name.endswith("_location") and is_local(str(given.get("dataflow_endpoint", "")))
    if not form.fullmatch(str(value)) and not (here and "://" not in str(value)):
        raise UsageError("wrong-usage", f"{value!r} cannot be --{name}", fix=f"Give {fix}")
