"""The exception tree. Every message is one line: where, what was read, what was expected."""


class MilpAmpError(Exception):
    """Anything this package raises on purpose."""


class InputError(MilpAmpError):
    """A file, an option or an argument is not what it must be (exit code 20)."""


class InstanceError(InputError):
    """An instance is malformed or contradicts itself."""


class PlanError(InputError):
    """A plan is malformed or names what the instance does not have."""


class FormulationError(InputError):
    """A formulation is unknown, or cannot be applied to the instance."""


class EngineError(MilpAmpError):
    """A solver failed, is missing, or returned what cannot be read (exit code 30)."""


class Discrepancy(MilpAmpError):
    """The judge does not confirm a claim (exit code 31)."""
