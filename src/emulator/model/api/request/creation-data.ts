import { type Json, objectAt, textAt } from "../json.ts";
import { parseResourceId } from "../resource/resource-id.ts";

/** The ways to make a disk or a snapshot from a resource; the others have no source, or a blob. */
const FROM_RESOURCE = ["Copy", "CopyStart", "Restore"];

/**
 * A body with the id of its source where all else reads it.
 * Terraform's azurerm_snapshot and PowerShell's New-AzSnapshotConfig send the id of a disk as `sourceUri`,
 * which Azure takes. Inferred: its first answer repeats that, and it then shows `sourceResourceId`.
 */
export function withCreationData(body: Json | undefined): Json | undefined {
  const creationData = objectAt(body, "properties", "creationData");
  const { sourceUri, ...others } = creationData ?? {};
  const isSource =
    FROM_RESOURCE.includes(textAt(creationData, "createOption") ?? "") &&
    typeof sourceUri === "string" &&
    parseResourceId(sourceUri) !== undefined;
  if (!isSource) return body;
  const sourceResourceId = textAt(creationData, "sourceResourceId") ?? sourceUri;
  return {
    ...objectAt(body),
    properties: { ...objectAt(body, "properties"), creationData: { ...others, sourceResourceId } },
  };
}
