"""The schedules that come with the product, and those that an operator writes."""

from pathlib import Path

from manifests import rollout
from manifests.errors import ManifestError
from manifests.rollout import Schedule

FOLDER = Path(rollout.__file__).parent / "schedules"


def known_schedules() -> list[str]:
    """The names of those that come with the product."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def load_schedule(name_or_file: str) -> Schedule:
    """A schedule by its name, or from a TOML file.

    Raises:
        ManifestError: no such name, not readable, or not a schedule.
    """
    if name_or_file in known_schedules():
        return Schedule.from_toml((FOLDER / f"{name_or_file}.toml").read_text("utf-8"))
    hint = f"a file, or one of {', '.join(known_schedules())}"
    return Schedule.from_toml(text_of(Path(name_or_file), "schedule", hint))


def text_of(file: Path, what: str, hint: str = "") -> str:
    """The text of a file that a person wrote.

    Raises:
        ManifestError: it cannot be read, or is not UTF-8.
    """
    try:
        return file.read_text("utf-8")
    except OSError as error:
        reason = f"the {what} {file} cannot be read: {error.strerror}"
        raise ManifestError(reason, hint=hint) from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"the {what} {file} is not UTF-8 text", hint=hint) from error
