"""Two TUF clients that we did not write find in every shape of repository what was published."""

from collections.abc import Callable

import pytest
from pydantic import TypeAdapter, ValidationError
from tuf.api.exceptions import DownloadHTTPError, RepositoryError

from manifests.target_paths import ProductName
from tests.simulators.every_shape import LONG_NAME, LONG_PRODUCT, LONG_VERSION, NAMES
from tests.simulators.served import Served
from tests.simulators.shapes import History, Shape
from tests.simulators.tuf_js import Reader

NewReader = Callable[[], Reader]
PLAN = "rollouts/app/plan.json"


def news(shape: Shape) -> dict[str, bytes]:
    """What to look at; where nothing is new, everything is."""
    return shape.news or shape.listed


def one_of_each(shape: Shape) -> dict[str, bytes]:
    """The last file of each product in each lane."""
    by_role = {tuple(path.split("/")[:2]): path for path in shape.listed}
    return {path: shape.listed[path] for path in by_role.values()}


# --- whole polls


@pytest.mark.parametrize("name", NAMES)
def test_a_cold_client_reads_it(
    history: History, served: Served, new_reader: NewReader, name: str
) -> None:
    shape = history.shape(name)
    served.folder = shape.folder
    assert new_reader().read(*news(shape)) == news(shape)


def test_a_warm_client_goes_along_through_everything(
    history: History, served: Served, new_reader: NewReader
) -> None:
    reader = new_reader()
    for shape in history.shapes:
        served.folder = shape.folder
        assert reader.read(*news(shape)) == news(shape), shape.name


@pytest.mark.parametrize(
    "then",
    [
        "an_empty_repository",
        "a_delta",
        "the_servers_next_keys_alone",
        "a_thief_pushes_the_versions",
        "a_release_withdrawn",
    ],
)
def test_a_client_that_was_away_for_long_reads_every_role(
    history: History, served: Served, new_reader: NewReader, then: str
) -> None:
    reader, shape, last = new_reader(), history.shape(then), history.shapes[-1]
    served.folder = shape.folder
    assert reader.read(*news(shape)) == news(shape)
    served.folder = last.folder
    wanted = one_of_each(last)
    assert reader.read(*wanted) == wanted


def test_a_cold_client_reads_everything_in_the_end(
    history: History, served: Served, new_reader: NewReader
) -> None:
    last = history.shapes[-1]
    served.folder = last.folder
    assert len(last.listed) > 50
    assert new_reader().read(*last.listed) == last.listed


# --- what is not there


def test_what_no_role_lists_is_nowhere(
    history: History, served: Served, new_reader: NewReader
) -> None:
    served.folder = history.shapes[-1].folder
    paths = ("nowhere/at/all", "releases/app/9.9/manifest.json", "releases/app/1.0/a/b", "x")
    assert new_reader().read(*paths) == dict.fromkeys(paths)


def test_a_role_for_which_nothing_was_signed_yet_is_an_error_to_who_asks_for_its_files(
    history: History, served: Served, new_reader: NewReader
) -> None:
    """Both say so in their own words; neither takes anything, and all other paths go on."""
    reader = new_reader()
    served.folder = history.shape("a_product_without_releases").folder
    for path in ("releases/app/1.0/manifest.json", PLAN, "hotfixes/app/1.0/manifest.json"):
        with pytest.raises(RepositoryError, match=r"not part of snapshot|reading 'length'"):
            reader.read(path)
    assert reader.read("nowhere/at/all") == {"nowhere/at/all": None}
    served.folder = history.shapes[-1].folder
    assert reader.read(PLAN) == {PLAN: history.shapes[-1].listed[PLAN]}


def test_of_a_withdrawn_release_that_nobody_runs_only_the_manifest_is_left(
    history: History, served: Served, new_reader: NewReader
) -> None:
    last = history.shapes[-1]
    served.folder = last.folder
    assert last.gone == {"releases/till/1.0/till-1.0.tar.zst"}
    for path in last.gone:
        with pytest.raises(DownloadHTTPError) as told:
            new_reader().read(path)
        assert told.value.status_code == 404
    manifest = "releases/till/1.0/manifest.json"
    assert new_reader().read(manifest) == {manifest: last.listed[manifest]}


# --- names


def test_the_longest_path_is_a_files_name_when_it_is_quoted(history: History) -> None:
    """Both clients keep a target in a file that is named so."""
    path = f"breakglass/{LONG_PRODUCT}/{LONG_VERSION}/{LONG_NAME}"
    assert path in history.shapes[-1].listed
    assert len(path.replace("/", "%2F")) == 255


@pytest.mark.parametrize("name", ["7", "0", "2048", "1-2_3", "constructor", "rollouts"])
def test_a_name_that_tuf_js_or_we_would_mistake_is_no_products(name: str) -> None:
    with pytest.raises(ValidationError, match=r"no letter|taken otherwise"):
        TypeAdapter(ProductName).validate_python(name)


# --- on the wire


def test_compressed_metadata_confuses_nobody(
    history: History, served: Served, new_reader: NewReader, client: str
) -> None:
    last = history.shapes[-1]
    served.folder = last.folder
    assert new_reader().read(PLAN) == {PLAN: last.listed[PLAN]}
    found = {answer.encoding for answer in served.answers if answer.path.startswith("metadata/")}
    assert found == ({"gzip", ""} if client == "tuf-js" else {""}), "it takes what it asks for"
    assert not [each for each in served.answers if each.encoding and "targets/" in each.path]
