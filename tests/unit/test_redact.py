"""Secrets stay out of whatever semid prints, logs and stores; texts that only look alike stay whole."""

from __future__ import annotations

import json
import logging
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semid.cli.execution import Execution, write_metrics
from semid.cli.flags import config_of, job_parser
from semid.cli.logs import Console
from semid.config import load_config, packaged
from semid.errors import ConfigError, EnvironmentFault
from semid.redact import redacted, without_secrets
from semid.tables.runs import config_json, failure

CANARY = "hunter2CANARY"
TELLING = [
    f"cannot connect to postgresql://etl:{CANARY}@db:5432/items?sslmode=require",
    f"https://user:p@{CANARY}@host/path",
    f"password={CANARY}",
    f"password: '{CANARY} with blanks'",
    f'{{"api_key": "{CANARY}"}}',
    f"fs.s3a.secret.key={CANARY}",
    f"spark.hadoop.fs.azure.account.key.lake.dfs.core.windows.net={CANARY}",
    f"DefaultEndpointsProtocol=https;AccountKey={CANARY}==;EndpointSuffix=x",
    f"aws_secret_access_key = {CANARY}",
    f"401 for url: https://h/x?sig={CANARY}&se=2026",
    f"Authorization: Bearer {CANARY}",
    f"--set labels.token={CANARY}",
]
HARMLESS = [
    "the model takes at most 256 tokens, got 300",
    "tokenizer: missing",
    "key: item_id, title=Secret Garden soap",
    "s3a://bucket/folder:8020/x, hdfs://host:8020/w",
    "design: 5, sign=3",
    "table release, run_id nightly-2026-01-01-abc",
    "abfss://items@lake.dfs.core.windows.net/w",
]


@pytest.mark.parametrize("text", TELLING)
def test_a_secret_is_taken_out(text: str) -> None:
    """By its form or the name before it; what stands around it stays, and a second pass changes nothing."""
    assert CANARY not in redacted(text)
    assert "***" in redacted(text)
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays(text: str) -> None:
    """Words that are parts of others, ports, and containers before an @."""
    assert redacted(text) == text


@given(st.text(st.sampled_from("token=:.-_ '\"@/key&\n"), max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_is_redacted_once(text: str) -> None:
    """The second pass finds nothing that the first one left or made."""
    once = without_secrets({"a": [text]})
    assert without_secrets(once) == once


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("text", TELLING)
def test_no_secret_leaves_a_job(
    form: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error with a secret in every part, a log line and a crash: not in the log, the run row, nor the metrics' files."""
    monkeypatch.setattr(logging.getLogger("semid"), "handlers", [])
    console = Console("nightly", "json" if form == "json" else "text")
    execution = Execution("nightly", console)
    config = load_config(overrides=[f"warehouse={json.dumps(str(tmp_path))}", f"observe.log_format={form}"])
    execution.read_config(config, date(2026, 1, 5), None)
    error = EnvironmentFault(text, where=text, problems=[text], next_step=text)
    error.state = text
    try:
        raise error
    except EnvironmentFault as raised:
        execution.error = raised
        console.report(raised, debug=True)
        console.crash(RuntimeError(text))
        logging.getLogger("semid.x").warning("the labeller said %s", text)
    write_metrics(execution)
    written = [file.read_text() for file in (tmp_path / "_metrics").iterdir()]
    shown = capsys.readouterr()
    assert len(written) == 2
    assert "***" in shown.err
    for output in (*written, shown.err, shown.out, failure(error)["message"], failure(RuntimeError(text))["message"]):
        assert CANARY not in output


def test_the_recorded_configuration_has_no_secret() -> None:
    """What the typed keys let through is left out by name and by form: `codebook.params` and a prompt."""
    config = load_config(
        overrides=[f"codebook.params={{api_key: {CANARY}, epochs: 3}}", f"embedding.prompt='token={CANARY}'"]
    )
    recorded = config_json(config)
    assert CANARY not in recorded
    assert json.loads(recorded)["codebook"]["params"] == {"api_key": "***", "epochs": 3}


def test_a_plain_name_may_not_lead_to_a_folder_that_is_no_plain_path(tmp_path: Path) -> None:
    """A link whose target has a backtick in its name: the target's name would reach Spark SQL."""
    target = tmp_path / "a`; DROP"
    target.mkdir()
    (tmp_path / "w").symlink_to(target)
    for flags in (["--warehouse", str(tmp_path / "w")], ["--catalog", str(tmp_path / "w" / "x.csv")]):
        with pytest.raises(ConfigError):
            config_of(job_parser("", feed=True).parse_args(flags))


@pytest.mark.parametrize("name", ["local", "cluster", "gpu", "openlineage"])
def test_spark_hides_its_secrets(name: str) -> None:
    """Each properties file has Spark take keys, passwords, tokens, credentials and DSNs out of its UI and logs."""
    text = packaged(f"spark/{name}.conf").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("spark.redaction.regex")]
    assert set(line.split("(?i)")[1].split("|")) >= {"secret", "password", "token", "key", "credential", "dsn"}
