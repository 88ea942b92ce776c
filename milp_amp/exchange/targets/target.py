"""What every launcher answers: what it can run, why it cannot run a plan, and how it is started with one."""

from collections.abc import Callable
from dataclasses import dataclass, field

from milp_amp.plan.strategy import Strategy
from milp_amp.problem.instance import Instance
from milp_amp.problem.restrictions import Restrictions


@dataclass(frozen=True)
class Launch:
    """How a launcher is started with a plan.

    Attributes
    ----------
    arguments
        What is appended to the command line of the training program in every process.
    files
        Further files of the launch directory: content by name.
    notes
        Paragraphs for whoever reads the directory's ``README.txt``.
    labels
        A word per stage that a process may have in its arguments in place of ``{label}``.
    program
        What starts the training program; the program itself follows it.
    """

    arguments: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    program: tuple[str, ...] = ("python3",)


@dataclass(frozen=True)
class Target:
    """A launcher of training programs.

    Attributes
    ----------
    restrictions
        What a plan must keep beside the rules of the instance, so that the launcher can run it. The best plan that
        keeps them is the launcher's best. Raises ``InputError`` where the launcher cannot run the instance at all.
    refusals
        Why the launcher cannot run a plan with a sound structure, by the launcher's own rules: a sentence each. Raises
        as ``restrictions``.
    launch
        How it runs a plan that it does not refuse.
    """

    name: str
    summary: str
    restrictions: Callable[[Instance], Restrictions]
    refusals: Callable[[Instance, Strategy], tuple[str, ...]]
    launch: Callable[[Instance, Strategy], Launch]
