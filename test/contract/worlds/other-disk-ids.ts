import fc from "fast-check";
import { formatDiskUri, parseDiskUri } from "../../../src/core/azure/ids/disk-uri.ts";

/** Ids that Azure accepts for the disk of `uri`: the same segments in another case. */
export function sameDiskIds(uri: string): fc.Arbitrary<string> {
  return fc.array(fc.boolean(), { minLength: uri.length, maxLength: uri.length }).map((upper) =>
    uri
      .split("")
      .map((char, index) => (upper[index] === true ? char.toUpperCase() : char.toLowerCase()))
      .join(""),
  );
}

/** Ids of other resources than the disk of `uri`: each differs from it in one segment alone. */
export function otherDiskIds(uri: string): fc.Arbitrary<string> {
  const parts = parseDiskUri(uri);
  if (parts === undefined) throw new Error(`${uri} is no disk's`);
  const changed = (part: string): fc.Arbitrary<string> =>
    fc.oneof(
      fc.constantFrom("x", "0", "-1").map((suffix) => `${part}${suffix}`),
      fc.constant(part.slice(1)),
      fc.constant(part.slice(0, -1)),
      fc.uuid().filter((other) => other !== part.toLowerCase()),
    );
  return fc.oneof(
    changed(parts.subscriptionId).map((subscriptionId) => formatDiskUri({ ...parts, subscriptionId })),
    changed(parts.resourceGroup).map((resourceGroup) => formatDiskUri({ ...parts, resourceGroup })),
    changed(parts.diskName).map((diskName) => formatDiskUri({ ...parts, diskName })),
    fc.constant(uri.replace("/disks/", "/snapshots/")),
    fc.constant(uri.replace("Microsoft.Compute", "Microsoft.Storage")),
  );
}
