"""The configuration: precedence, and every way of getting it wrong (rows I49-I53 of the bad-input matrix)."""

from __future__ import annotations

from pathlib import Path

import pytest

from semid.config import load_config, packaged
from semid.errors import ConfigError
from semid.yaml_file import parse_yaml


def refused(file: str | None = None, *settings: str) -> ConfigError:
    """Return the error that loading ends with; it is a usage error with a place and a next step."""
    with pytest.raises(ConfigError) as caught:
        load_config(file, settings)
    assert caught.value.exit_code == 2
    assert caught.value.where
    return caught.value


def test_defaults_are_complete() -> None:
    """The packaged file alone is a valid configuration; the contract's keys have the contract's defaults."""
    config = load_config()
    assert config.codebook.kind == "rqvae"
    assert config.codebook.sizes == (256, 256, 256)
    assert config.warehouse == "warehouse"
    assert not config.embedding.supplied


def test_settings_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    """Precedence: default, file, --set, later --set; a section given in part keeps its other keys."""
    file = tmp_path / "semid.yaml"
    file.write_text("codebook: {kind: rkmeans, seed: 3}\ncatalog: {mode: increment}\n")
    config = load_config(str(file), ["codebook.seed=4", "codebook.sizes=[64,64]", "codebook.seed=5"])
    assert (config.codebook.kind, config.codebook.seed, config.codebook.sizes) == ("rkmeans", 5, (64, 64))
    assert (config.catalog.mode, config.catalog.columns.title) == ("increment", "title")


def test_configuration_is_frozen() -> None:
    """No step can change what a later step reads."""
    with pytest.raises(ValueError, match="frozen"):
        load_config().codebook.seed = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("codebok.kind=rqvae", "codebok: unknown key, did you mean 'codebook'?"),
        ("codebook.kid=rqvae", "codebook.kid: unknown key, did you mean 'kind'?"),
        ("catalog.columns.titel=x", "catalog.columns.titel: unknown key, did you mean 'title'?"),
        ("codebook.zzzzzz=1", "codebook.zzzzzz: unknown key (--set codebook.zzzzzz=1)"),
    ],
)
def test_unknown_keys_name_the_nearest(setting: str, problem: str) -> None:
    """I49: an unknown key is an error with the nearest known key and where it was given."""
    (found,) = refused(None, setting).problems
    assert found.startswith(problem)
    assert f"(--set {setting})" in found


@pytest.mark.parametrize(
    "setting",
    [
        "codebook.seed='3'",
        "codebook.seed=true",
        "codebook.seed=1.0",
        "codebook.sizes=256",
        "codebook.sizes=[256.0]",
        "codebook.kind=faiss",
        "catalog=5",
        "catalog=null",
        "catalog.columns.title=3",
        "catalog.attributes=colour",
        "text.parts={a: 1}",
        "warehouse=",
    ],
)
def test_wrong_types_are_refused(setting: str) -> None:
    """I49: nothing is coerced: a number in quotes is no number, a float no integer, a scalar no list."""
    key = setting.split("=", maxsplit=1)[0]
    assert any(problem.startswith(key) for problem in refused(None, setting).problems)


@pytest.mark.parametrize(
    "setting",
    [
        "codebook.sizes=[]",
        "codebook.sizes=[256,1]",
        "codebook.sizes=[65537]",
        "codebook.seed=-1",
        "codebook.params={epochs: 3, learning_rate: .nan}",
        "codebook.sample_rows=1",
        "catalog.max_quarantined=1.5",
        "catalog.max_removed=-0.1",
        "catalog.max_removed=.nan",
        "catalog.max_removed=.inf",
        "embedding.batch_size=0",
        "text.parts=[]",
        "warehouse=no",
        "catalog.mode=off",
    ],
)
def test_values_out_of_range_are_refused(setting: str) -> None:
    """I50: levels 0, codes 1 or above 65,536, shares above 1, NaN, and YAML's `no` (false) where text belongs."""
    key = setting.split("=", maxsplit=1)[0]
    (problem,) = refused(None, setting).problems
    assert problem.startswith(key)
    assert f"--set {setting}" in problem


@pytest.mark.parametrize("key", ["warehouse", "catalog.path", "embedding.model", "gate.thresholds", "spark.properties"])
@pytest.mark.parametrize(
    "location",
    [
        "x` where 1=1 union select * from parquet.`/etc/passwd",
        "text.`/etc/passwd`",
        "a;drop table release",
        "a'b",
        'a"b',
        "a\nb",
        "a\x00b",
        "a\x1b[31m",
        "   ",
        "",
    ],
)
def test_locations_cannot_leave_their_quotes(key: str, location: str) -> None:
    """I51-I53: a path with quotes, backticks, semicolons or control characters never reaches Spark SQL."""
    escaped = location.encode("unicode_escape").decode().replace('"', '\\"')
    (problem,) = refused(None, f'{key}="{escaped}"').problems
    assert problem.startswith(f"{key}: ")
    assert "plain path" in problem


@pytest.mark.parametrize("location", ["/a/b c/é", "s3://bucket/a+b=c", "../x", "hdfs://h:8020/w"])
def test_ordinary_locations_are_taken(location: str) -> None:
    """Blanks, other scripts, parents and URIs are fine: only characters with a meaning in SQL are not."""
    assert load_config(None, [f"warehouse={location}"]).warehouse == location


def test_every_problem_is_listed_at_once(tmp_path: Path) -> None:
    """Two files and a setting with errors give one report that names each with its source."""
    file = tmp_path / "bad.yaml"
    file.write_text("codebook: {seed: x}\nembeding: {}\n")
    error = refused(str(file), "catalog.max_removed=2")
    assert len(error.problems) == 3
    assert sum(str(file) in problem for problem in error.problems) == 2
    assert "see conf/default.yaml" in error.report()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"codebook: {seed: 1, seed: 2}", "keys given twice"),
        (b"codebook: {seed: 1}\ncodebook: {kind: rkmeans}", "keys given twice"),
        (b"codebook: [", "not valid YAML"),
        (b"- a\n- b", "mapping"),
        (b"5: x", "mapping"),
        (b"just text", "mapping"),
        (b"a: !!python/object/apply:os.system ['true']", "not valid YAML"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"[" * 1000, "not valid YAML"),
    ],
)
def test_files_that_are_no_configuration(tmp_path: Path, content: bytes, what: str) -> None:
    """A file that is broken, ambiguous or would run code is refused, and named."""
    file = tmp_path / "semid.yaml"
    file.write_bytes(content)
    error = refused(str(file))
    assert what in error.what
    assert error.where == str(file)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    """I49: a file that is not there is an error, never the defaults."""
    assert refused(str(tmp_path / "none.yaml")).where == str(tmp_path / "none.yaml")
    assert refused(str(tmp_path)).where == str(tmp_path)


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    """A file of comments is a valid configuration."""
    file = tmp_path / "semid.yaml"
    file.write_text("# nothing\n")
    assert load_config(str(file)) == load_config()


@pytest.mark.parametrize("setting", ["codebook.seed", "=3", "", "codebook.seed 3"])
def test_a_setting_needs_key_and_value(setting: str) -> None:
    """--set without = or without a key says how a setting is written."""
    assert "key.path=value" in refused(None, setting).what


def test_a_value_may_hold_an_equals_sign() -> None:
    """Only the first = divides key and value."""
    assert load_config(None, ["embedding.prompt=a=b"]).embedding.prompt == "a=b"


def test_supplied_vectors_are_a_model_of_their_own() -> None:
    """`supplied:NAME` means that the feed brings the vectors."""
    assert load_config(None, ["embedding.model='supplied:clip'"]).embedding.supplied


def test_packaged_defaults_have_unique_keys() -> None:
    """The default file itself passes the check for keys given twice."""
    assert set(parse_yaml(packaged("default.yaml").read_text(), "default.yaml")) >= {"warehouse", "codebook"}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"a: &a [x]\nb: [*a, *a]", "aliases"),
        (b"a: " + b"{a: " * 40 + b"1" + b"}" * 40, "nested deeper than 32"),
        (b"codebook: {seed: 0x" + b"f" * 5000 + b"}", "a number of 5002 characters"),
        (b"codebook: {seed: 1" + b":59" * 900 + b"}", "a number of 2701 characters"),
        (b'warehouse: "\\ud800"', "half of a surrogate pair"),
        (b"codebook: {1: 2}", "keys of a mapping that are no text"),
        (b"warehouse: !!binary aGk=", "not valid YAML"),
    ],
)
def test_yaml_that_settings_never_need(tmp_path: Path, content: bytes, what: str) -> None:
    """Aliases can stand for gigabytes, deep nesting and long numbers ended in a traceback."""
    test_files_that_are_no_configuration(tmp_path, content, what)


@pytest.mark.parametrize("setting", ["a" + ".a" * 40 + "=1", "codebook..seed=1", "co debook.seed=1", "\udcff=1"])
def test_a_key_is_a_few_names(setting: str) -> None:
    """What cannot be a key is refused before it is looked for."""
    assert "key.path=value" in refused(None, setting).what


def test_a_setting_is_one_value() -> None:
    """A line break would have hidden the second value."""
    assert "one value" in refused(None, "warehouse=a\nseed: 3").what


SECRETS = [
    "s3a://AKIDEXAMPLE:hunter2@bucket/w",
    "postgresql://etl:hunter2@db/items",
    "https://host/feed.csv?sig=hunter2",
    "abfss://c@a.dfs.core.windows.net/w?AccountKey=hunter2",
]


@pytest.mark.parametrize("key", ["warehouse", "catalog.path", "codebook.pairs", "images.root", "embedding.model"])
@pytest.mark.parametrize("location", SECRETS)
def test_a_location_with_a_password_is_refused_and_not_shown(key: str, location: str) -> None:
    """I54: what a run records holds no password; the refusal does not print it either."""
    error = refused(None, f"{key}='{location}'")
    assert "password" in error.problems[0]
    assert "hunter2" not in error.report()


@pytest.mark.parametrize(
    "location", ["abfss://items@lake.dfs.core.windows.net/w", "s3a://bucket/token/v=1", "user@host"]
)
def test_a_location_without_a_password_is_taken(location: str) -> None:
    """Names of containers and users, and folders that are called like a secret."""
    assert load_config(None, [f"warehouse='{location}'"]).warehouse == location


def test_a_secret_behind_an_unknown_key_is_not_shown() -> None:
    """The message names the key; of the value only that it was there."""
    report = refused(None, "labels.api_key=hunter2").report()
    assert "labels.api_key" in report
    assert "hunter2" not in report


@pytest.mark.parametrize("key", ["observe.metrics", "observe.data_docs"])
def test_a_folder_in_the_warehouse_stays_there(key: str) -> None:
    """I52: a relative folder does not climb out; an absolute one is the operator's own choice."""
    for inside in ("_x", "/var/lib/x", "a/b"):
        load_config(None, [f"{key}={inside}"])
    for outside in ("../x", "a/../../x", ".."):
        assert "must not lead out of it" in refused(None, f"{key}={outside}").problems[0]
