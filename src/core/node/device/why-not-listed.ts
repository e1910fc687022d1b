import { isSameResourceUri } from "../../azure/ids/disk-uri.ts";

/** A data disk of a VM, as its instance metadata lists it. `diskUri` undefined: no managed disk. */
interface ListedDisk {
  readonly lun: number;
  readonly diskUri: string | undefined;
}

/**
 * What instance metadata lists instead of a disk at its LUN, as a clause; undefined: that disk alone is
 * there. Its answer may be older than an attach or a detach, so it refuses nothing by itself.
 */
export function whyNotListed(
  listed: readonly ListedDisk[],
  { lun, diskUri }: { readonly lun: number; readonly diskUri: string },
): string | undefined {
  const there = listed.filter((disk) => disk.lun === lun);
  const isExpected = (disk: ListedDisk): boolean => isSameResourceUri(disk.diskUri ?? "", diskUri);
  if (there.length > 0 && there.every(isExpected)) return undefined;
  const seen = there.map((disk) => disk.diskUri ?? "a disk that is no managed one").join(" and ");
  const elsewhere = listed.find((disk) => disk.lun !== lun && isExpected(disk));
  return (
    `lists ${seen === "" ? "no disk" : seen} at LUN ${lun}` +
    (elsewhere === undefined ? "" : `, and that disk at LUN ${elsewhere.lun}`)
  );
}
