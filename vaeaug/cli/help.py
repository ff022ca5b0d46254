"""Help texts: options in groups, in plain text that fits 80 columns."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

# The groups of options, in the order of the help; the value of `rich_help_panel`. Other options come first.
DATA = "Data"
METHOD = "Method"
CLASSICAL = "Classical augmentation"
TRAINING = "Training and effort"
OUTPUT = "Output"
GROUPS = (DATA, METHOD, CLASSICAL, TRAINING, OUTPUT)


class GroupedCommand(TyperCommand):
    """A command whose help lists its options under the headings of their groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes the arguments, then the options group by group; --help stands last."""
        arguments, options = [], {group: [] for group in ("Options", *GROUPS)}  # type: ignore[var-annotated]
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                arguments.append(record)
            else:
                options[getattr(parameter, "rich_help_panel", None) or "Options"].append(record)
        general = options.pop("Options")
        for heading, records in (("Arguments", arguments), *options.items(), ("Help", general)):
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)
