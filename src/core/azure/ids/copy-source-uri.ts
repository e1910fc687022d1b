import { sha256Hex } from "../../primitives/sha256.ts";
import { formatSnapshotUri, parseSnapshotUri } from "./snapshot-uri.ts";

/** As V1 names it. */
const PREFIX = "local_";
const NAME_MAX_CHARS = 80;
/** 96 bits, in hexadecimal digits. */
const HASH_DIGITS = 24;

/**
 * The id of the snapshot in the disk's region that becomes `snapshotUri` in another region: beside it, by a
 * name that follows from its name. Undefined if `snapshotUri` is no snapshot's.
 */
export function copySourceUriOf(snapshotUri: string): string | undefined {
  const target = parseSnapshotUri(snapshotUri);
  if (target === undefined) return undefined;
  const { subscriptionId, resourceGroup } = target;
  const plain = `${PREFIX}${target.name}`;
  const name =
    plain.length <= NAME_MAX_CHARS
      ? plain
      : `${PREFIX}${sha256Hex(target.name.toLowerCase()).slice(0, HASH_DIGITS)}`;
  return formatSnapshotUri({ subscriptionId, resourceGroup, name });
}
