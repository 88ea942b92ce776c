"""Reading a result together with the instance that it answers, which it knows only by name."""

import os
from pathlib import Path

import msgspec

from milp_amp.errors import InputError, PlanError
from milp_amp.plan.placement import ServingResult
from milp_amp.plan.result import Result
from milp_amp.problem.files import decode_json, read_bytes, read_question
from milp_amp.problem.instance import Instance
from milp_amp.problem.serving import ServingInstance

LIBRARY = "instances"
"""Where an instance is looked for by its name, below the working directory."""

Question = Instance | ServingInstance
Answer = Result | ServingResult


class _Head(msgspec.Struct):
    """The field by which an instance is found."""

    name: str | None = None


def read_answer(path: str | os.PathLike[str]) -> Answer:
    """Read a result about training or about serving, whichever the file holds.

    Raises
    ------
    PlanError
        If the file holds neither.
    """
    text = read_bytes(path, PlanError)
    try:
        keys = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        keys = {}
    if keys and "status" not in keys:
        raise PlanError(f"{path}: no 'status', expected a result as solve --output writes it")
    kind: type[Answer] = ServingResult if "placement" in keys else Result
    return decode_json(text, kind, PlanError, where=str(path))


def find_question(answer: Answer, where: str, given: list[tuple[str, Question]]) -> Question:
    """Return the instance that a result answers: one of those given, or else one found by its name.

    Parameters
    ----------
    where
        The result's file, for errors.
    given
        Instances by the names of their files; where there are any, no other is looked for.

    Raises
    ------
    InputError
        If there is none, if there are several, or if it asks another question than the result answers.
    """
    if given:
        named = [question for _, question in given if question.name == answer.instance]
        if not named:
            files = ", ".join(f"{path} ({question.name!r})" for path, question in given[:3])
            raise InputError(f"{where}: answers instance {answer.instance!r}, expected that of --instance {files}")
        question = named[0]
    else:
        question = read_question(_found(answer.instance, where))
    if isinstance(question, Instance) != isinstance(answer, Result):
        asked, told = ("training", "serving") if isinstance(question, Instance) else ("serving", "training")
        raise InputError(f"{where}: a result about {told}, but instance {question.name!r} is about {asked}")
    return question


def _found(name: str, where: str) -> Path:
    """Return the one file of the library that holds an instance of this name, or else is called so."""
    files = sorted(Path(LIBRARY).rglob("*.json"))
    found = [path for path in files if _name_in(path) == name] or [path for path in files if path.stem == name]
    if len(found) != 1:
        count = "no instance" if not found else f"{len(found)} instances"
        raise InputError(f"{where}: {count} named {name!r} below {LIBRARY}/, expected --instance FILE")
    return found[0]


def _name_in(path: Path) -> str | None:
    try:
        return msgspec.json.decode(read_bytes(path, InputError), type=_Head).name
    except (InputError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
