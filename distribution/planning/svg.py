"""Pictures as SVG text: shapes on a sheet that is readable on white and on black."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

STYLE = """\
text { fill: #0f172a; }
.paper { fill: #ffffff; }
.quiet { fill: #475569; }
.grid { stroke: #e2e8f0; stroke-width: 1; }
.band { fill: #f1f5f9; }
.wave { stroke: #94a3b8; stroke-width: 1; stroke-dasharray: 3 3; }
.main { fill: #0f766e; }
.area { fill: #0f766e; fill-opacity: .14; }
.curve { fill: none; stroke: #0f766e; stroke-width: 2; }
.warn { fill: #b45309; }
.limit { stroke: #b91c1c; stroke-width: 1.5; }
.stop { fill: #b91c1c; }
@media (prefers-color-scheme: dark) {
  text { fill: #f1f5f9; }
  .paper { fill: #0b1120; }
  .quiet { fill: #a3b1c6; }
  .grid { stroke: #1e293b; }
  .band { fill: #131c31; }
  .wave { stroke: #64748b; }
  .main { fill: #2dd4bf; }
  .area { fill: #2dd4bf; }
  .curve { stroke: #2dd4bf; }
  .warn { fill: #fbbf24; }
  .limit { stroke: #f87171; }
  .stop { fill: #f87171; }
}
"""

FONT = "ui-sans-serif, system-ui, Helvetica, Arial, sans-serif"

Point = tuple[float, float]


@dataclass
class Sheet:
    """A sheet to draw on; ``title`` is read out to who does not see it."""

    width: int
    height: int
    title: str
    _shapes: list[str] = field(default_factory=list)

    def text(
        self, at: Point, words: str, style: str = "", *, anchor: str = "start", size: int = 12
    ) -> None:
        """Words that begin, end or have their middle ``at``."""
        name = f' class="{style}"' if style else ""
        self._shapes.append(
            f'<text x="{at[0]:g}" y="{at[1]:g}"{name} text-anchor="{anchor}" '
            f'font-size="{size}">{escape(words)}</text>'
        )

    def box(
        self, at: Point, size: Point, style: str, *, strength: float = 1, said: str = ""
    ) -> None:
        """A filled rectangle; ``said`` shows when a pointer rests on it."""
        faint = f' fill-opacity="{strength:g}"' if strength < 1 else ""
        inside = f"<title>{escape(said)}</title>" if said else ""
        self._shapes.append(
            f'<rect class="{style}"{faint} x="{at[0]:g}" y="{at[1]:g}" width="{size[0]:g}" '
            f'height="{size[1]:g}">{inside}</rect>'
        )

    def dot(self, at: Point, radius: float, style: str, *, strength: float = 1) -> None:
        """A filled circle."""
        self._shapes.append(
            f'<circle class="{style}" fill-opacity="{strength:g}" cx="{at[0]:g}" '
            f'cy="{at[1]:g}" r="{radius:g}"/>'
        )

    def line(self, begin: Point, end: Point, style: str) -> None:
        """A straight line."""
        self._shapes.append(
            f'<line class="{style}" x1="{begin[0]:g}" y1="{begin[1]:g}" '
            f'x2="{end[0]:g}" y2="{end[1]:g}"/>'
        )

    def curve(self, points: Sequence[Point], style: str) -> None:
        """A line through all points; with the style ``area``, what it encloses."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        tag = "polygon" if style == "area" else "polyline"
        self._shapes.append(f'<{tag} class="{style}" points="{path}"/>')

    def written(self) -> str:
        """The whole file."""
        return "\n".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                f'role="img" font-family="{FONT}">',
                f"<title>{escape(self.title)}</title>",
                f"<style>\n{STYLE}</style>",
                f'<rect class="paper" width="{self.width}" height="{self.height}"/>',
                *self._shapes,
                "</svg>\n",
            )
        )


def percent(share: float) -> str:
    """A share for people, with two digits that count."""
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"
