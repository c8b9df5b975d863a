"""Parts of a recipe: something created by name, with keyword options that its factory checks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from typing import Any, ClassVar, Self, get_type_hints

from udalib.core.errors import unknown_name
from udalib.recipes.spec.options import Options


@dataclass(frozen=True)
class Part:
    """A registered name and the keyword options for it; subclasses say where the name is looked up."""

    #: arguments that the builder passes, which are therefore no options
    given: ClassVar[frozenset[str]] = frozenset()

    name: str
    options: Options = field(default_factory=Options)

    @classmethod
    def of(cls, name: str, **options: Any) -> Self:
        """Write ``Part.of("crop", size=(64, 128))`` for ``Part("crop", Options(size=(64, 128)))``."""
        return cls(name, Options(options))

    def factory(self) -> Callable[..., Any]:
        """Return what builds this part; an unknown name raises with the nearest ones."""
        raise NotImplementedError(f"{type(self).__name__} does not say where its names are registered")

    def accepted(self) -> Mapping[str, Any] | None:
        """Names of the options with their types; None if the factory takes any."""
        types = option_types(self.factory())
        return None if types is None else {key: hint for key, hint in types.items() if key not in self.given}

    def defaults(self) -> dict[str, Any]:
        """Values of the accepted options that are not set; those without a default are left out."""
        parameters = parameters_of(self.factory()) or {}
        unset = {key: p.default for key, (p, _) in parameters.items() if key not in (*self.given, *self.options)}
        return {key: value for key, value in unset.items() if value is not inspect.Parameter.empty}

    def check_options(self) -> None:
        """Raise :class:`UnknownNameError` for a name or an option that is not known; builds nothing."""
        accepted = self.accepted()
        for key in self.options:
            if accepted is not None and key not in accepted:
                raise unknown_name(f"option of {self.name!r}", key, accepted)

    def build(self, *arguments: Any, **named: Any) -> Any:
        """Call the factory with ``arguments``, the options and ``named``, after checking the options' names."""
        self.check_options()
        return self.factory()(*arguments, **{**self.options, **named})


def parameters_of(factory: Callable[..., Any]) -> dict[str, tuple[inspect.Parameter, Any]] | None:
    """Keywords of ``factory`` with their annotated types; None if it takes any keyword.

    A class whose constructor passes ``**options`` on has the keywords of the next class in its order of bases as well:
    that is what a method that builds on another one does.
    """
    found: dict[str, tuple[inspect.Parameter, Any]] = {}
    for function in _constructors(factory) if inspect.isclass(factory) else [factory]:
        own, open_ended = _keywords(function)
        found = {**own, **found}
        if not open_ended:
            return found
    return None


def _constructors(kind: type) -> Iterator[Callable[..., Any]]:
    """Constructors of ``kind`` and its bases, in the order in which ``super().__init__`` reaches them."""
    return (base.__dict__["__init__"] for base in kind.__mro__ if "__init__" in base.__dict__)


def _keywords(factory: Callable[..., Any]) -> tuple[dict[str, tuple[inspect.Parameter, Any]], bool]:
    """Named parameters of one function with their types, and whether it takes any other keyword."""
    parameters = inspect.signature(factory).parameters.values()
    function = factory.func if isinstance(factory, partial) else factory
    function = function.__init__ if inspect.isclass(function) else function
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError):  # an annotation that exists for type checkers only
        hints = {}
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = {p.name: (p, hints.get(p.name, Any)) for p in parameters if p.kind not in variadic and p.name != "self"}
    return named, any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def option_types(factory: Callable[..., Any]) -> Mapping[str, Any] | None:
    """Keyword names of ``factory`` with their annotated types; None if it takes any keyword (``**kwargs``)."""
    parameters = parameters_of(factory)
    return None if parameters is None else {name: hint for name, (_, hint) in parameters.items()}


def parts_of(spec: Any) -> Iterator[Part]:
    """Yield every part inside ``spec``, at any depth."""
    if isinstance(spec, Part):
        yield spec
    if isinstance(spec, tuple):
        for item in spec:
            yield from parts_of(item)
    elif is_dataclass(spec):
        for f in fields(spec):
            yield from parts_of(getattr(spec, f.name))
