import type { SnapshotParameter } from "../../../src/core/volume/snapshot-parameter-table.ts";
import type { VolumeParameter } from "../../../src/core/volume/volume-parameter-table.ts";

/** What a parameter takes, in a cell of a table. */
export function allowedOf(parameter: VolumeParameter | SnapshotParameter): string {
  switch (parameter.kind) {
    case "choice":
      return parameter.choices.map((choice) => `\`${choice}\``).join(", ");
    case "count":
      return `whole number, ${parameter.min} to ${parameter.max}`;
    case "pattern":
      return `text; ${parameter.rule}`;
    case "text":
      return "text";
  }
}
