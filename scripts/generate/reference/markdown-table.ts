/** A Markdown table: its head from the columns' names, then the rows as they are. */
export function markdownTable(columns: readonly string[], rows: readonly string[]): string {
  return [`| ${columns.join(" | ")} |`, `|${" --- |".repeat(columns.length)}`, ...rows].join("\n");
}
