import { type Json, objectAt, textAt } from "../json.ts";
import { parseResourceId } from "../resource/resource-id.ts";
import { choiceOf } from "./choice.ts";

/** The ways to make a disk or a snapshot from a resource; the others have no source, or a blob. */
const FROM_RESOURCE = ["Copy", "CopyStart", "Restore"];

/**
 * A body with the id of its source where all else reads it. Terraform's azurerm_snapshot and PowerShell's
 * New-AzSnapshotConfig send the id of a disk as `sourceUri`, which Azure takes (inferred: that it then shows
 * `sourceResourceId`).
 */
export function withSourceId(body: Json | undefined): Json | undefined {
  const { sourceUri, ...creationData } = objectAt(body, "properties", "creationData") ?? {};
  const isFromResource = choiceOf(FROM_RESOURCE, textAt(creationData, "createOption")) !== undefined;
  if (!isFromResource || typeof sourceUri !== "string" || parseResourceId(sourceUri) === undefined)
    return body;
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
