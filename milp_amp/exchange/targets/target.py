"""What every launcher answers: what it can run, why it cannot run a plan, and how it is started with one."""

from collections.abc import Callable
from dataclasses import dataclass, field

from milp_amp.exchange.servers import Server
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
        Further files of the launch directory: content by name. ``{host NAME}`` in them is the host of a node.
    notes
        Paragraphs for whoever reads the directory's ``README.txt``.
    labels
        A word per stage that a process may have in its arguments in place of ``{label}``.
    program
        What starts the training program; the program itself follows it.
    scripts
        Programs of ``milp_amp.exchange.launch`` to be copied beside, by name.
    ranked
        Whether the launcher is started once per rank; otherwise it places processes itself.
    """

    arguments: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    program: tuple[str, ...] = ("python3",)
    scripts: tuple[str, ...] = ()
    ranked: bool = True


@dataclass(frozen=True)
class Serve:
    """How one server is started, once for every stage or once for all of them.

    Attributes
    ----------
    command
        What stands before the model and the user's own options.
    arguments
        What stands after them. ``{stage}`` is the number of the stage, ``{devices}`` how many devices it has,
        ``{head}`` the host of the first stage, ``{port}`` where the stages meet, ``{here}`` the launch directory.
    environment
        Variables beside ``CUDA_VISIBLE_DEVICES``.
    others
        Further arguments of every stage but the first.
    whole
        Whether one process starts all stages, which are on one node.
    files
        Further files of the launch directory: content by name.
    """

    server: Server
    command: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    whole: bool = False
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ServingTarget:
    """A launcher of servers.

    Attributes
    ----------
    restrictions, refusals
        As those of ``Target``, of a plan whose every replica is a server.
    unserved
        Why it cannot run servers: a sentence each.
    serve
        How it runs a server that it does not refuse, by its number.
    notes
        Paragraphs for whoever reads the directory's ``README.txt``.
    """

    name: str
    summary: str
    restrictions: Callable[[Instance], Restrictions]
    refusals: Callable[[Instance, Strategy], tuple[str, ...]]
    unserved: Callable[[tuple[Server, ...]], tuple[str, ...]]
    serve: Callable[[Server, int], Serve]
    notes: tuple[str, ...] = ()


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
