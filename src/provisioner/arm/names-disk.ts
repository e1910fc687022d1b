import { parseArmId } from "../../core/azure/ids/arm-id.ts";
import { resourceUriKey } from "../../core/azure/ids/disk-uri.ts";
import type { ArmError } from "./arm-api.ts";

/** Whether Azure's error names this disk: `Disk 'pvc-1' …`, or its id. */
export function namesDisk(error: ArmError, diskUri: string): boolean {
  const name = parseArmId(diskUri)?.name.toLowerCase();
  if (name === undefined) return false;
  const names = [name, `microsoft.compute/disks/${name}`, resourceUriKey(diskUri)];
  return [error.target, error.message, ...error.details.map((detail) => detail.message)]
    .join(" ")
    .toLowerCase()
    .split(/[\s'",()]+/)
    .some((word) => names.includes(word.replace(/\.$/, "")));
}
