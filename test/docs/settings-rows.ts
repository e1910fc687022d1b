import type { Option, Options } from "../../src/cli/options.ts";

/** A role with the settings in its `--help`. */
export interface DocumentedRole {
  readonly name: string;
  readonly options: Options;
}

/** The rows of the table in docs/reference/settings.md: one for each setting and meaning, with its roles. */
export function settingsRows(roles: readonly DocumentedRole[]): readonly string[] {
  const rows = roles.flatMap((role) =>
    Object.entries(role.options).map(([name, option]) => ({
      role: role.name,
      key: `\`--${name}\``,
      description: describeOption(option),
    })),
  );
  const bySetting = Map.groupBy(rows, ({ key, description }) => `${key} ${description}`);
  return [...bySetting.values()].flatMap((same) => {
    const [first] = same;
    return first === undefined
      ? []
      : [`| ${first.key} | ${same.map(({ role }) => role).join(", ")} | ${first.description} |`];
  });
}

function describeOption(option: Option): string {
  return `${valuesOf(option)} | ${defaultOf(option)} | ${option.help.replaceAll("|", "\\|")}`;
}

function valuesOf(option: Option): string {
  switch (option.kind) {
    case "number":
      return `${option.min} to ${option.max}`;
    case "choice":
      return option.choices.map((choice) => `\`${choice}\``).join(", ");
    case "list":
      return "texts, by comma";
    default:
      return option.kind;
  }
}

function defaultOf(option: Option): string {
  if (option.kind === "flag") return "";
  if (option.kind === "text" && option.required === true) return "must be given";
  const value = option.default === undefined ? "" : option.default.toString();
  return value === "" ? "" : `\`${value}\``;
}
