"""A table that is filled row by row, so that what fails half way keeps the rows it has."""


class Table:
    def __init__(self, title):
        self.title = title
        self.columns = []
        self.rows = []
        self.notes = []
        self.skipped = []
        self.took_s = None

    def head(self, *columns):
        self.columns = list(columns)

    def row(self, *cells):
        self.rows.append(list(cells))

    def note(self, sentence):
        self.notes.append(sentence)

    def skip(self, what, reason):
        self.skipped.append({"what": what, "reason": str(reason)})

    def markdown(self):
        lines = [f"## {self.title}", ""]
        if self.rows:
            lines += [piped(self.columns), piped(["---"] * len(self.columns))]
            lines += [piped([shown(cell) for cell in row]) for row in self.rows]
            lines.append("")
        lines += [f"- {sentence}" for sentence in self.remarks()]
        return "\n".join(lines).rstrip() + "\n"

    def text(self):
        rows = [self.columns, *[[shown(cell) for cell in row] for row in self.rows]] if self.rows else []
        widths = [max(len(cell) for cell in column) for column in zip(*rows)]
        lines = [f"\n{self.title}"]
        lines += ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join([*lines, *[f"  * {sentence}" for sentence in self.remarks()]])

    def remarks(self):
        return [*self.notes, *[f"SKIPPED {each['what']}: {each['reason']}" for each in self.skipped]]

    def data(self):
        return {
            "title": self.title,
            "columns": self.columns,
            "rows": self.rows,
            "notes": self.notes,
            "skipped": self.skipped,
        }


def shown(cell):
    """Four significant digits are more than any of these numbers is good for."""
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.0f}" if abs(cell) >= 1000 else f"{cell:.4g}"
    return str(cell)


def piped(cells):
    return "| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |"
