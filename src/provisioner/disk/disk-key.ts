import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { ArmDataDisk } from "../arm/arm-api.ts";

/** The disk behind an entry, in the form in which ids are compared; empty for an unmanaged disk. */
export function diskKeyOf(entry: ArmDataDisk): string {
  return resourceUriKey(entry.managedDisk?.id ?? "");
}
