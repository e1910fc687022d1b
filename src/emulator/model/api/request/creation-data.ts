import { type Json, objectAt, textAt } from "../json.ts";
import { parseResourceId } from "../resource/resource-id.ts";
import { choiceOf } from "./choice.ts";

/** The ways to make a disk or a snapshot from a resource; the others have no source, or a blob. */
const FROM_RESOURCE = ["Copy", "CopyStart", "Restore"];
const CREATE_OPTIONS = [...FROM_RESOURCE, "Empty", "Upload"];

/**
 * A body with `createOption` as Azure writes it, and the id of its source where all else reads it.
 * Terraform's azurerm_snapshot and PowerShell's New-AzSnapshotConfig send the id of a disk as `sourceUri`,
 * which Azure takes (inferred: that it then shows `sourceResourceId`).
 */
export function withCreationData(body: Json | undefined): Json | undefined {
  const creationData = objectAt(body, "properties", "creationData");
  const createOption = choiceOf(CREATE_OPTIONS, textAt(creationData, "createOption"));
  if (creationData === undefined || createOption === undefined) return body;
  const { sourceUri, ...others } = creationData;
  const isSource =
    FROM_RESOURCE.includes(createOption) &&
    typeof sourceUri === "string" &&
    parseResourceId(sourceUri) !== undefined;
  const named = isSource
    ? { ...others, sourceResourceId: textAt(creationData, "sourceResourceId") ?? sourceUri }
    : creationData;
  return {
    ...objectAt(body),
    properties: { ...objectAt(body, "properties"), creationData: { ...named, createOption } },
  };
}
