"""A section of the page, and which figures stand in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from resonaut.review.page.contents import Contents, Figure
from resonaut.review.page.figures import show


@dataclass(frozen=True)
class Section:
    """A section.

    Attributes:
        name: of its place on the page.
        title: its heading.
        stages: stages whose figures stand here.
        body: what stands before the figures; the section is left out where it says nothing and has none.
    """

    name: str
    title: str
    body: Callable[[Contents], str]
    stages: tuple[str, ...] = ()

    def figures(self, contents: Contents) -> list[Figure]:
        """Its figures: stages in the order of the section, then in the order of the names."""
        return [figure for stage in self.stages for figure in contents.figures if figure.stage == stage]

    def html(self, contents: Contents) -> str:
        """The section, empty if there is nothing to show."""
        body = self.body(contents)
        figures = [show(figure, contents) for figure in self.figures(contents)]
        if not body and not figures:
            return ""
        return "\n".join([f'<section id="{self.name}"><h2>{self.title}</h2>', body, *figures, "</section>"])
