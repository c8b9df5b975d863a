"""Parts of a recipe: something created by name, with keyword options that its factory checks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from typing import Any, ClassVar, Self, get_type_hints

from udalib.core.errors import unknown_name
from udalib.recipes.options import Options


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
        accepted = self.accepted() or {}
        parameters = inspect.signature(self.factory()).parameters
        unset = {key: parameters[key].default for key in accepted if key not in self.options}
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


def option_types(factory: Callable[..., Any]) -> Mapping[str, Any] | None:
    """Keyword names of ``factory`` with their annotated types; None if it takes any keyword (``**kwargs``)."""
    signature = inspect.signature(factory)
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values()):
        return None
    function = factory.func if isinstance(factory, partial) else factory
    function = function.__init__ if inspect.isclass(function) else function
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError):  # an annotation that exists for type checkers only
        hints = {}
    keywords = (p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_POSITIONAL)
    return {p.name: hints.get(p.name, Any) for p in keywords}


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
