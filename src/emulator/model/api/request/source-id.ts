import { type Json, objectAt, textAt } from "../json.ts";
import { parseResourceId } from "../resource/resource-id.ts";

/**
 * A body with the id of its source where all else reads it. Terraform's azurerm_snapshot and PowerShell's
 * New-AzSnapshotConfig send the id of a disk as `sourceUri`, which Azure takes (inferred: that it then shows
 * `sourceResourceId`).
 */
export function withSourceId(body: Json | undefined): Json | undefined {
  const { sourceUri, ...creationData } = objectAt(body, "properties", "creationData") ?? {};
  if (typeof sourceUri !== "string" || parseResourceId(sourceUri) === undefined) return body;
  return {
    ...objectAt(body),
    properties: {
      ...objectAt(body, "properties"),
      creationData: {
        ...creationData,
        sourceResourceId: textAt(creationData, "sourceResourceId") ?? sourceUri,
      },
    },
  };
}
