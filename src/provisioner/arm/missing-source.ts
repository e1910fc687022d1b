import { parseDiskUri } from "../../core/azure/ids/disk-uri.ts";
import type { Failure } from "../../core/failure/failure.ts";
import type { ArmError } from "./arm-api.ts";
import { saysNotThere } from "./error-table.ts";

/**
 * The failure of a creation whose source is missing: the error names no disk of the caller's. Other resources
 * may be missing too, such as an encryption set, so it is the source only where Azure names it.
 */
export function missingSource(error: ArmError, sourceUri: string): Failure | undefined {
  if (!saysNotThere(error) || !namesSource(error, sourceUri)) return undefined;
  const azure = { code: error.code, requestId: error.requestId };
  return parseDiskUri(sourceUri) === undefined
    ? { kind: "SnapshotNotFound", snapshotUri: sourceUri, azure }
    : { kind: "DiskNotFound", diskUri: sourceUri, azure };
}

function namesSource({ target, message }: ArmError, sourceUri: string): boolean {
  const name = sourceUri.slice(sourceUri.lastIndexOf("/") + 1).toLowerCase();
  const words = message.toLowerCase().split(/[^\w.-]+|\.(?=\s|$)/u);
  return /sourceResourceId/iu.test(target) || words.includes(name);
}
