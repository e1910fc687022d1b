import type { Option, Options } from "./options.ts";
import { rangeOf } from "./read-values.ts";

/** Columns of a terminal that help has to fit. */
const COLUMNS = 100;
const INDENT = " ".repeat(6);
/** The heading of options that have none of their own. */
const GENERAL = "General";

/** The text of `--help`: options under the headings of their subjects, in the order of their first ones. */
export function helpText(usage: string, options: Options): string {
  const subjects = Map.groupBy(Object.entries(options), ([, { subject }]) => subject ?? GENERAL);
  const general = subjects.get(GENERAL) ?? [];
  subjects.delete(GENERAL);
  const parts = [...subjects, [GENERAL, general] as const].map(
    ([subject, those]) => `${subject}:\n${those.map(([name, option]) => entry(name, option)).join("\n")}`,
  );
  return `${[usage, ...parts].join("\n\n")}\n`;
}

function entry(name: string, option: Option): string {
  const short = name === "help" ? "-h, " : "";
  return `  ${short}--${name}${placeholder(option)}\n${wrapped(`${option.help}${defaultText(option)}`)}`;
}

function placeholder(option: Option): string {
  if (option.kind === "flag") return "";
  return option.kind === "choice" ? ` <${option.choices.join("|")}>` : ` <${option.kind}>`;
}

function defaultText(option: Option): string {
  switch (option.kind) {
    case "flag":
      return "";
    case "number":
      return ` (${option.default === undefined ? "" : `default ${option.default}; `}${rangeOf(option)})`;
    case "text":
    case "list":
    case "choice":
      if (option.kind === "text" && option.required === true) return " (must be given)";
      return option.default === undefined || option.default.length === 0
        ? ""
        : ` (default ${String(option.default)})`;
  }
}

function wrapped(text: string): string {
  const lines = [INDENT];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? INDENT;
    if (line === INDENT) lines[lines.length - 1] = INDENT + word;
    else if (line.length + 1 + word.length <= COLUMNS) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(INDENT + word);
  }
  return lines.join("\n");
}
