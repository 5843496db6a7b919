"""A view as data: its columns, each with what it holds, and where its rows are from."""

from collections.abc import Mapping

from msgspec import Struct


class View(Struct, frozen=True):
    """`columns` say by name what a column is, in SQL, and what it means, in words; `source` is what follows
    FROM, in which `{name}` is the schema of a projection's live build. `name` has the schema in it.
    """

    name: str
    about: str
    columns: Mapping[str, tuple[str, str]]
    source: str

    @property
    def query(self) -> str:
        """What it shows."""
        columns = ",\n    ".join(f"{expression} AS {name}" for name, (expression, _) in self.columns.items())
        return f"SELECT\n    {columns}\nFROM {self.source}"

    @property
    def statement(self) -> str:
        """The statements that make it, or make it anew over other tables: its readers notice nothing then.

        Where it has other columns than before, what depends on it is dropped with it: PostgreSQL neither
        takes a column from a view nor gives it another type.
        """
        created = f"VIEW {self.name} AS {self.query}"
        return "\n".join(
            (
                f"DO $made$ BEGIN CREATE OR REPLACE {created};",
                f"EXCEPTION WHEN invalid_table_definition THEN DROP VIEW {self.name} CASCADE;",
                f"CREATE {created};",
                "END $made$;",
                f"COMMENT ON VIEW {self.name} IS {_text(self.about)};",
                *(
                    f"COMMENT ON COLUMN {self.name}.{name} IS {_text(comment)};"
                    for name, (_, comment) in self.columns.items()
                ),
            )
        )


def _text(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"
